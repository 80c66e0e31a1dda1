/**
 * Devices with other apps than WeChat on them, each in front of a `Service`. Their functions have the types of the
 * platforms' own typings. QQ publishes none, and documents the functions that are used here in `wx`'s own forms.
 */
/// <reference types="@mini-types/my" />
/// <reference types="baidu-app" />
import type { offAppShow, onAppShow } from '@douyin-microapp/typings/api/app-lifecycle'
import type { downloadFile } from '@douyin-microapp/typings/api/download-file'
import type { login } from '@douyin-microapp/typings/api/login'
import type { request } from '@douyin-microapp/typings/api/request'
import type { getStorageSync, removeStorageSync, setStorageSync } from '@douyin-microapp/typings/api/storage'
import type { uploadFile } from '@douyin-microapp/typings/api/upload-file'
import type { HostCall, HostResult } from '../../src/host'
import type { Device } from './device'

type Options<F extends (options: never) => unknown> = NonNullable<Parameters<F>[0]>

/** What the person before the device does about the platform's own login. */
export interface Person {
  /** Nobody is logged in to the app. */
  isGuest: boolean
  /** Goes through with the app's login page when it is opened. */
  agrees: boolean
  /** How often the app's login page was opened. */
  asked: number
}
export const person = (): Person => ({ isGuest: false, agrees: true, asked: 0 })

/** Runs a call of the device in `wx`'s shape. */
function run(device: Device, name: 'request' | 'uploadFile' | 'downloadFile', sent: object, answered: (result: HostResult) => void, failed: (text: string) => void): { abort: () => void } {
  const call: HostCall = { timeout: 0, ...sent, success: answered, fail: (error: { errMsg?: string } = {}) => { failed(error.errMsg ?? '') } }
  return device.host[name]!(call) as { abort: () => void }
}

/** The code of a person who is logged in, after the delay of the device. */
function code(device: Device, found: (code: string) => void, failed: () => void): void {
  device.host.login!({ success: (result: { code: string }) => { found(result.code) }, fail: failed })
}

/** Alipay: `headers`, no status of 400 or more through `success`, JSON that must be JSON, objects in the storage. */
export function alipay(device: Device, who: Person) {
  const send = (options: Options<typeof my.request>): ReturnType<typeof my.request> => {
    const { url, method = 'GET', headers = {}, data, dataType = 'json' } = options
    if (method !== 'GET' && data !== undefined && typeof data !== 'string') {
      options.fail?.({ error: 2, errorMessage: 'invalid parameter' })
      return undefined as never
    }
    const task = run(device, 'request', { url, method, header: headers, data: typeof data === 'string' ? JSON.parse(data) as object : data }, ({ statusCode: status, data: body, header }: HostResult) => {
      const text = body === undefined || body === '' ? '' : JSON.stringify(body)
      const answer = { data: text, status: status as number, statusCode: status as number, headers: header as Record<string, string>, header: header as Record<string, string> }
      const broken = { error: 14 as const, errorMessage: 'JSON parse data error' as const, status: answer.status }
      // What a real device hands over beside the number that the typings tell of.
      const refused = { ...answer, error: 19 as const, errorMessage: 'http status error' as const }
      if (answer.status >= 400) options.fail?.(refused)
      else if (dataType !== 'json') options.success?.(answer)
      else if (!text) options.fail?.(broken)
      else options.success?.({ ...answer, data: JSON.parse(text) as Record<string, unknown> })
    }, (why) => { options.fail?.(why.includes('abort') ? { error: 9, errorMessage: 'request:fail abort' } : { error: 12, errorMessage: '网络异常' }) })
    return task as unknown as ReturnType<typeof my.request>
  }
  const api: Pick<typeof my, 'request' | 'uploadFile' | 'downloadFile' | 'getAuthCode' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync' | 'onAppShow' | 'offAppShow' | 'getFileSystemManager'> = {
    request: send,
    uploadFile(options) {
      // Alipay's documentation asks for both; typings of its later base libraries for `name`.
      if (!options.fileType || !options.fileName) throw new TypeError('uploadFile: fileName and fileType')
      const { url, filePath, name, headers } = options
      return run(device, 'uploadFile', { url, filePath, name, header: headers }, ({ data, statusCode, header }: HostResult) => {
        options.success?.({ data: data as string, statusCode: statusCode as number, header: header as Record<string, unknown> })
      }, () => { options.fail?.({ error: 11, errorMessage: '文件上传失败' }) }) as unknown as ReturnType<typeof my.uploadFile>
    },
    downloadFile(options) {
      return run(device, 'downloadFile', { url: options.url, header: options.header }, ({ statusCode, header, tempFilePath }: HostResult) => {
        // It tells no status, and has no file where there was none.
        if (statusCode >= 400) options.fail?.({ error: 12, errorMessage: '下载失败' })
        else options.success?.({ apFilePath: tempFilePath as string, tempFilePath: tempFilePath as string, headers: header as Record<string, string>, header: header as Record<string, string> })
      }, () => { options.fail?.({ error: 12, errorMessage: '下载失败' }) }) as unknown as ReturnType<typeof my.downloadFile>
    },
    getAuthCode(options) {
      if (options?.scopes !== 'auth_base') throw new Error('this asks the person')
      if (who.isGuest) {
        setTimeout(() => options.fail?.({ error: 11, errorMessage: '用户取消授权' }), 1)
        return undefined as never
      }
      code(device, (authCode) => options.success?.({ authCode, authErrorScopes: {}, authSuccessScopes: ['auth_base'] }), () => options.fail?.({ error: 12, errorMessage: '网络异常' }))
      return undefined as never
    },
    getStorageSync: ({ key }) => ({ data: device.host.getStorageSync(key) || null, success: true }),
    setStorageSync({ key, data }) {
      try {
        device.host.setStorageSync(key, data as string)
        return { success: true }
      } catch {
        return { success: false, error: 14, errorMessage: '存储空间不足' }
      }
    },
    removeStorageSync({ key }) {
      device.host.removeStorageSync(key)
      return { success: true }
    },
    onAppShow: (listener) => { device.host.onAppShow!(listener as () => void) },
    offAppShow: (listener) => { device.host.offAppShow!(listener!) },
    getFileSystemManager: () => device.host.getFileSystemManager!() as ReturnType<typeof my.getFileSystemManager>,
  }
  return api
}

/** Douyin: `wx`'s shape, and guests. */
export function douyin(device: Device, who: Person) {
  const api: {
    request: typeof request; uploadFile: typeof uploadFile; downloadFile: typeof downloadFile; login: typeof login
    getStorageSync: typeof getStorageSync; setStorageSync: typeof setStorageSync; removeStorageSync: typeof removeStorageSync
    onAppShow: typeof onAppShow; offAppShow: typeof offAppShow; getFileSystemManager: () => object
  } = {
    request: (options) => run(device, 'request', options, (result: HostResult) => options.success?.({ errMsg: 'request:ok', ...result as { data: object; statusCode: number; header: Record<string, string> } }), (errMsg) => options.fail?.({ errMsg, errNo: 21101 })),
    uploadFile: (options) => run(device, 'uploadFile', options, (result: HostResult) => options.success?.({ errMsg: 'uploadFile:ok', ...result as { data: string; statusCode: number } }), (errMsg) => options.fail?.({ errMsg })) as ReturnType<typeof uploadFile>,
    downloadFile: (options) => run(device, 'downloadFile', options, (result: HostResult) => options.success?.({ errMsg: 'downloadFile:ok', ...result as { tempFilePath: string; statusCode: number; filePath: string } }), (errMsg) => options.fail?.({ errMsg })) as ReturnType<typeof downloadFile>,
    login(options) {
      const { force = true } = options
      if (who.isGuest && force) {
        who.asked++
        if (who.agrees) who.isGuest = false
        else {
          setTimeout(() => options.fail?.({ errMsg: 'login:fail cancel' }), 1)
          return
        }
      }
      const result = { errMsg: 'login:ok', anonymousCode: 'anonymous', isLogin: !who.isGuest }
      if (who.isGuest) setTimeout(() => options.success?.({ ...result, code: '' }), 1)
      else code(device, (value) => options.success?.({ ...result, code: value }), () => options.fail?.({ errMsg: 'login:fail network' }))
    },
    getStorageSync: (key) => device.host.getStorageSync(key),
    setStorageSync: (key, data) => { device.host.setStorageSync(key, data as string) },
    removeStorageSync: (key) => { device.host.removeStorageSync(key) },
    onAppShow: (listener) => { device.host.onAppShow!(listener as unknown as () => void) },
    offAppShow: (listener) => { device.host.offAppShow!(listener as () => void) },
    getFileSystemManager: () => device.host.getFileSystemManager!() as object,
  }
  return api
}

/** Baidu: `wx`'s shape, guests, and five requests at once. Its typings are older than `getLoginCode`. */
export function baidu(device: Device, who: Person) {
  let running = 0
  const api: Pick<typeof swan, 'request' | 'uploadFile' | 'downloadFile' | 'login' | 'getStorageSync' | 'setStorageSync' | 'removeStorageSync'> & {
    getLoginCode: (options: swan.LoginOptions) => void
    isLoginSync?: () => { isLogin: boolean }
    getFileSystemManager: () => object
    onAppShow: (listener: () => void) => void
    offAppShow: (listener: () => void) => void
  } = {
    request(options) {
      if (++running > 5) throw new Error('more than five requests at once')
      const done = () => { running-- }
      return run(device, 'request', options, (result: HostResult) => { done(); options.success?.(result as swan.DataResponse) }, (errMsg) => { done(); options.fail?.({ errCode: 1001, errMsg }) })
    },
    uploadFile: (options) => run(device, 'uploadFile', options, (result: HostResult) => options.success?.(result), (errMsg) => options.fail?.({ errCode: 1001, errMsg })) as swan.UploadTask,
    downloadFile: (options) => run(device, 'downloadFile', options, (result: HostResult) => options.success?.(result as swan.TempFileResponse), (errMsg) => options.fail?.({ errCode: 1001, errMsg })) as swan.DownloadTask,
    login(options) {
      if (who.isGuest) {
        who.asked++
        if (who.agrees) who.isGuest = false
      }
      setTimeout(() => {
        if (who.isGuest) options.fail?.({ errCode: 10004, errMsg: 'login:fail user not login' })
        else options.success?.({ errMsg: 'login:ok', code: 'of-the-older-kind' })
      }, 1)
    },
    getLoginCode(options) {
      if (who.isGuest) setTimeout(() => options.fail?.({ errCode: 10004, errMsg: 'user not login' }), 1)
      else code(device, (value) => options.success?.({ errMsg: 'ok', code: value }), () => options.fail?.({ errCode: 1001, errMsg: 'network' }))
    },
    isLoginSync: () => ({ isLogin: !who.isGuest }),
    getStorageSync: (key) => device.host.getStorageSync(key),
    setStorageSync: (key, data) => { device.host.setStorageSync(key, data as string) },
    removeStorageSync: (key) => { device.host.removeStorageSync(key); return undefined as never },
    getFileSystemManager: () => device.host.getFileSystemManager!() as object,
    onAppShow: (listener) => { device.host.onAppShow!(listener) },
    offAppShow: (listener) => { device.host.offAppShow!(listener) },
  }
  return api
}

/** WeCom: WeChat's own functions, and `qy`, whose codes alone are good. */
export function wecom(device: Device) {
  return {
    ...device.host,
    login: ({ success }: HostCall) => { success({ code: 'of-another-kind' }) },
    qy: { login: ({ success, fail }: HostCall) => { code(device, (value) => { success({ code: value, errMsg: 'qy__login:ok' }) }, () => { fail({ errMsg: 'qy__login:fail' }) }) } },
  }
}
