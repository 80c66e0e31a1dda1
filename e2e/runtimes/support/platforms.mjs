// @ts-check
/**
 * The platforms beside WeChat, for a browser and for Node alike: as much of `my`, `tt`, `qq` and `swan` as the example
 * uses, on top of makeWx. What each is handed and hands out is checked against the platform's own typings (tsconfig.json
 * beside package.json); QQ publishes none, and documents its functions in `wx`'s forms.
 */

/** What uni-app's runtimes ask a platform about itself. */
const about = { SDKVersion: '3.0.0', language: 'zh_CN', platform: 'iOS', system: 'iOS 17', brand: 'e2e', model: 'e2e', version: '10.5.0', windowWidth: 390, windowHeight: 844, pixelRatio: 3, screenWidth: 390, screenHeight: 844, statusBarHeight: 20 }

/** @typedef {{ [name: string]: (...given: any[]) => any }} Wx  makeWx's */

/**
 * Alipay: objects in the storage, `headers` and `status`, failures for statuses of 400 and more and for JSON that is none.
 * @param {Wx} wx
 */
export function makeMy(wx) {
  /** @type {Pick<typeof my, 'request' | 'uploadFile' | 'getAuthCode' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync' | 'onAppShow' | 'offAppShow' | 'chooseImage' | 'SDKVersion'>} */
  const typed = {
    SDKVersion: about.SDKVersion,
    request(options) {
      const { url, method, headers, data, timeout, dataType = 'json' } = options
      if (data !== undefined && typeof data !== 'string' && method !== undefined && method !== 'GET' && method !== 'POST') throw new Error('my.request: data is to be text')
      const task = wx.request({
        url, method, timeout, header: headers, data: typeof data === 'string' ? JSON.parse(data) : data, dataType: 'text',
        /** @param {{ statusCode: number, header: Record<string, string>, data: string }} answer */
        success({ statusCode, header, data: text }) {
          const answer = { status: statusCode, statusCode, headers: header, header, data: text }
          // A device tells the status and the body beside the number.
          const refused = { ...answer, error: /** @type {const} */ (19), errorMessage: /** @type {const} */ ('http status error') }
          if (statusCode >= 400) return options.fail?.(refused)
          if (dataType !== 'json') return options.success?.(answer)
          try {
            return options.success?.({ ...answer, data: JSON.parse(text) })
          } catch {
            return options.fail?.({ error: 14, errorMessage: 'JSON parse data error' })
          }
        },
        fail: () => options.fail?.({ error: 12, errorMessage: '网络异常' }),
      })
      return /** @type {any} */ (task)
    },
    uploadFile(options) {
      if (!options.fileType || !options.fileName) throw new Error('my.uploadFile: fileName and fileType')
      const { url, filePath, fileName, headers, formData } = options
      return /** @type {any} */ (wx.uploadFile({
        url, filePath, name: fileName, header: headers, formData, success: options.success,
        fail: () => options.fail?.({ error: 11, errorMessage: '上传失败' }),
      }))
    },
    getAuthCode(options) {
      if (options?.scopes !== 'auth_base') throw new Error('this asks the person')
      return /** @type {any} */ (wx.login({
        /** @param {{ code: string }} result */
        success: ({ code: authCode }) => options?.success?.({ authCode, authErrorScopes: {}, authSuccessScopes: ['auth_base'] }),
        fail: () => options?.fail?.({ error: 12, errorMessage: '网络异常' }),
      }))
    },
    getStorageSync: ({ key }) => ({ data: wx.getStorageSync(key) || null, success: true }),
    setStorageSync({ key, data }) {
      wx.setStorageSync(key, data)
      return { success: true }
    },
    removeStorageSync({ key }) {
      wx.removeStorageSync(key)
      return { success: true }
    },
    onAppShow: (listener) => wx.onAppShow(listener),
    offAppShow: (listener) => wx.offAppShow(listener),
    chooseImage: (options) => /** @type {any} */ (wx.chooseImage({
      /** @param {{ tempFilePaths: string[], tempFiles: { path: string, size: number }[] }} result */
      success: ({ tempFilePaths, tempFiles: [first] }) => options?.success?.({ apFilePaths: tempFilePaths, tempFilePaths, tempFiles: first }),
      fail: () => options?.fail?.({ error: 11, errorMessage: '用户取消' }),
    })),
  }
  return { ...typed, env: { clientEnv: 'MiniProgram' }, canIUse: () => true, getSystemInfoSync: () => about, getAppIdSync: () => ({ appId: '2021000000000000' }), onError() {}, onUnhandledRejection() {} }
}

/**
 * Douyin: `wx`'s shape; a login with force would open its login page.
 * @param {Wx} wx
 */
export function makeTt(wx) {
  /** @type {Pick<typeof tt, 'request' | 'uploadFile' | 'login' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync' | 'onAppShow' | 'offAppShow' | 'chooseImage'>} */
  const typed = {
    request: (options) => wx.request(options),
    uploadFile: (options) => wx.uploadFile(options),
    login(options) {
      if (options.force !== false) throw new Error('tt.login opens the login page')
      wx.login({
        /** @param {{ code: string, errMsg: string }} result */
        success: (result) => options.success?.({ ...result, anonymousCode: 'anonymous', isLogin: true }),
        fail: options.fail,
      })
    },
    getStorageSync: (key) => wx.getStorageSync(key),
    setStorageSync: (key, data) => wx.setStorageSync(key, data),
    removeStorageSync: (key) => wx.removeStorageSync(key),
    onAppShow: (listener) => wx.onAppShow(listener),
    offAppShow: (listener) => wx.offAppShow(listener),
    chooseImage: (options) => wx.chooseImage(options),
  }
  return { ...wx, ...typed }
}

/**
 * Baidu: `wx`'s shape, five requests at once; `login` would open its login page. Its typings are older than getLoginCode.
 * @param {Wx} wx
 */
export function makeSwan(wx) {
  let running = 0
  /** @type {Pick<typeof swan, 'request' | 'uploadFile' | 'login' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync' | 'chooseImage'>} */
  const typed = {
    request(options) {
      if (++running > 5) throw new Error('more than five requests at once')
      return wx.request({ ...options, complete: () => { running-- } })
    },
    uploadFile: (options) => wx.uploadFile(options),
    login() {
      throw new Error('swan.login opens the login page')
    },
    getStorageSync: (key) => wx.getStorageSync(key),
    setStorageSync: (key, data) => wx.setStorageSync(key, data),
    removeStorageSync: (key) => wx.removeStorageSync(key),
    chooseImage: (options) => wx.chooseImage(options),
  }
  return { ...wx, ...typed, getLoginCode: wx.login, isLoginSync: () => ({ isLogin: true }), getEnvInfoSync: () => ({ appKey: 'k', sdkVersion: about.SDKVersion }) }
}

/** Each platform: the name of its object, how it is made, the files of a page, and what a page is given of its own. */
export const PLATFORMS = {
  wx: { global: 'wx', make: (/** @type {Wx} */ wx) => wx, template: '.wxml', style: '.wxss' },
  qq: { global: 'qq', make: (/** @type {Wx} */ wx) => wx, template: '.qml', style: '.qss' },
  alipay: { global: 'my', make: makeMy, template: '.axml', style: '.acss' },
  toutiao: { global: 'tt', make: makeTt, template: '.ttml', style: '.ttss', page: () => ({ __nodeId__: 0, __webviewId__: 1 }) },
  baidu: { global: 'swan', make: makeSwan, template: '.swan', style: '.css', page: (/** @type {any} */ page) => ({ pageinstance: page, methods: { onLoad: page.onLoad }, dispatch() {} }) },
}

/**
 * A page's template in WeChat's words, which glass-easel's compiler reads.
 * @param {string} text
 */
export const toWxml = (text) => text
  .replaceAll(/ (?:a|tt|qq):(?=[a-z])/g, ' wx:')
  .replaceAll(/ s-for="(\w+)(?:,\s*(\w+))? in ([^"]+?)(?: trackBy (\S+?))?"/g, (_, item, index, list, key) =>
    ` wx:for="{{${list}}}" wx:for-item="${item}"${index ? ` wx:for-index="${index}"` : ''}${key ? ` wx:key="${key.replace(item + '.', '')}"` : ''}`)
  .replaceAll(/ s-(?=if|elif|else)/g, ' wx:')
  .replaceAll(/ (on|catch)([A-Z])(\w*)="/g, (_, how, first, rest) => ` ${how === 'on' ? 'bind' : 'catch'}${first.toLowerCase()}${rest}="`)
