/**
 * As much of WeChat's `wx` as the examples use, by fetch, for a browser and for Node alike. What it knows of the real
 * one's limits it keeps to: ten requests at once, and no PATCH.
 *
 * @param code     what wx.login answers
 * @param storage  a Map-like { get, set, delete } that outlives a restart
 * @param pictures what wx.chooseImage finds: () => Promise<Uint8Array>
 * @param WebSocket the class; Node 20 has none of its own
 */
export function makeWx({ code, storage, pictures, WebSocket = globalThis.WebSocket }) {
  const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']
  const shown = new Set()
  const files = new Map()
  let running = 0

  /** Runs a call: exactly one of the two functions, then complete, never before the call has returned. */
  const settle = (name, work, { success, fail, complete } = {}) => {
    work.then(
      (result) => ({ result: { errMsg: name + ':ok', ...result }, tell: success }),
      (error) => ({ result: { errMsg: `${name}:fail ${error.message}` }, tell: fail }),
    ).then(({ result, tell }) => {
      tell?.(result)
      complete?.(result)
    })
  }

  const send = (name, options, init, read) => {
    const gaveUp = new AbortController()
    const listeners = { headers() {}, chunk() {} }
    const work = async () => {
      if (running >= 10) throw new Error('more than ten requests at once')
      running++
      const timer = setTimeout(() => gaveUp.abort(), options.timeout ?? 60000)
      try {
        const response = await fetch(options.url, { ...init, signal: gaveUp.signal })
        const header = Object.fromEntries(response.headers)
        if (!options.enableChunked) return { statusCode: response.status, header, cookies: [], data: read(await response.text()) }
        listeners.headers({ statusCode: response.status, header, cookies: [] })
        for (const reader = response.body.getReader(); ;) {
          const { done, value } = await reader.read()
          if (done) break
          // Wherever it is cut, as networks do.
          for (const part of [value.slice(0, value.length >> 1), value.slice(value.length >> 1)]) listeners.chunk({ data: part.buffer })
        }
        return { statusCode: response.status, header, cookies: [], data: '' }
      } finally {
        clearTimeout(timer)
        running--
      }
    }
    settle(name, work(), options)
    return {
      abort: () => gaveUp.abort(),
      onProgressUpdate() {},
      offProgressUpdate() {},
      onHeadersReceived(listener) { listeners.headers = listener },
      offHeadersReceived() {},
      onChunkReceived(listener) { listeners.chunk = listener },
      offChunkReceived() {},
    }
  }

  const json = (text) => {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }

  const about = { SDKVersion: '3.0.0', language: 'zh_CN', platform: 'devtools', system: 'iOS 17', brand: 'e2e', model: 'e2e', version: '8.0.0', windowWidth: 390, windowHeight: 844, pixelRatio: 3, screenWidth: 390, screenHeight: 844, statusBarHeight: 20, safeArea: { top: 20, bottom: 844, left: 0, right: 390, width: 390, height: 824 } }

  return {
    request(options) {
      const method = options.method ?? 'GET'
      if (!METHODS.includes(method)) {
        settle('request', Promise.reject(new Error('invalid method ' + method)), options)
        return { abort() {} }
      }
      const query = method === 'GET' && options.data ? '?' + new URLSearchParams(options.data) : ''
      const body = method === 'GET' || options.data === undefined ? undefined : JSON.stringify(options.data)
      return send('request', { ...options, url: options.url + query }, {
        method, body, headers: { 'content-type': 'application/json', ...options.header },
      }, (options.dataType ?? 'json') === 'json' ? json : (text) => text)
    },
    uploadFile(options) {
      const form = new FormData()
      for (const [name, value] of Object.entries(options.formData ?? {})) form.append(name, value)
      form.append(options.name, new Blob([files.get(options.filePath)]), 'picture.png')
      return send('uploadFile', options, { method: 'POST', body: form, headers: options.header }, (text) => text)
    },
    connectSocket(options) {
      const socket = new WebSocket(options.url, options.protocols ?? [])
      socket.binaryType = 'arraybuffer'
      settle('connectSocket', Promise.resolve({}), options)
      return {
        send: ({ data }) => socket.send(data),
        close: ({ code, reason } = {}) => socket.close(code ?? 1000, reason),
        onOpen(listener) { socket.onopen = () => listener({}) },
        onMessage(listener) { socket.onmessage = ({ data }) => listener({ data }) },
        onClose(listener) { socket.onclose = ({ code, reason }) => listener({ code, reason }) },
        onError(listener) { socket.onerror = () => listener({ errMsg: 'connectSocket:fail' }) },
      }
    },
    login: (options) => settle('login', Promise.resolve().then(() => ({ code: code() })), options),
    chooseImage: (options) => settle('chooseImage', pictures().then((picture) => {
      const path = `wxfile://tmp_${files.size}.png`
      files.set(path, picture)
      return { tempFilePaths: [path], tempFiles: [{ path, size: picture.length }] }
    }), options),
    showToast: (options) => settle('showToast', Promise.resolve({}), options),

    getStorageSync: (key) => storage.get(key) ?? '',
    setStorageSync: (key, value) => void storage.set(key, value),
    removeStorageSync: (key) => void storage.delete(key),
    setStorage: (options) => settle('setStorage', Promise.resolve().then(() => void storage.set(options.key, options.data)), options),

    onAppShow: (listener) => void shown.add(listener),
    offAppShow: (listener) => void shown.delete(listener),
    onAppHide() {},
    canIUse: () => true,
    getSystemInfoSync: () => about,
    getAppBaseInfo: () => about,
    getDeviceInfo: () => about,
    getWindowInfo: () => about,
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx00000000000000de', envVersion: 'develop', version: '' } }),
    getLaunchOptionsSync: () => ({ path: '', query: {}, scene: 1001 }),
  }
}
