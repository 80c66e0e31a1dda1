/**
 * `@wugan/client/alipay`: the host of Alipay mini programs. `my` has not `wx`'s shape: a storage of objects, `headers`
 * and `status`, failures with a number in `error`, and statuses of 400 and more among them.
 */
import type { Host, HostCall, HostFunction } from './index'
import { noIdentity } from './parts/shaped'

/** `my`, as far as it is used. */
export interface Alipay {
  request: HostFunction
  uploadFile: HostFunction
  downloadFile: HostFunction
  getAuthCode: HostFunction
  getStorageSync: (options: { key: string }) => unknown
  setStorageSync: (options: { key: string; data: unknown }) => unknown
  removeStorageSync: (options: { key: string }) => unknown
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Alipay's typings say what a listener is shown
  onAppShow?: (listener: any) => void
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  offAppShow?: (listener: any) => void
  getFileSystemManager?: () => object
}

/** What `my` hands to `success` and `fail`, in older base libraries and newer ones. */
interface Result {
  status?: number
  statusCode?: number
  headers?: object
  header?: object
  data?: unknown
  authCode?: string
  apFilePath?: string
  tempFilePath?: string
  error?: number
  errorMessage?: string
}

type Sent = HostCall & { method?: string; data?: unknown; header?: Record<string, string>; dataType?: string; responseType?: string; fileType?: string; name?: string }

/** Numbers of `error`: the person refused; the time ran out. */
const REFUSED = 11
const TIMEOUT = 13

/** An answer in `wx`'s words. */
const answer = (result: Result, data: unknown): object =>
  Object.assign({}, result, { statusCode: Number(result.statusCode || result.status), header: result.header || result.headers, data })

/** A failure in `wx`'s words. */
const failure = (name: string, result: Result = {}): object =>
  Object.assign({}, result, { errMsg: name + ':fail ' + (result.error === TIMEOUT ? 'timeout' : String(result.errorMessage || result.error || '')) })

const isObject = (data: unknown): boolean => typeof data === 'object' && data !== null && !(data instanceof ArrayBuffer)

/** JSON, unless the caller asked for something else. What is none stays text, an empty body of a 204 too, which `my` would call a failure (14). */
const read = (sent: Sent, data: unknown): unknown => {
  if (typeof data !== 'string' || (sent.dataType && sent.dataType !== 'json')) return data
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/** The body as text: `my` makes JSON of a POST's object alone. */
const body = ({ method = 'GET', data, header = {} }: Sent): unknown => {
  const type = Object.keys(header).filter((name) => name.toLowerCase() === 'content-type').map((name) => header[name]).join('')
  return isObject(data) && !/^(GET|HEAD)$/i.test(method) && !/x-www-form-urlencoded/i.test(type) ? JSON.stringify(data) : data
}

/** `createClient({ host: alipayHost(my), … })`. If the user declines the authorization, requests reject with an `AuthError` of the code `no_identity`. */
export function alipayHost(my: Alipay): Host {
  const send = (name: 'request' | 'uploadFile' | 'downloadFile', sent: Sent, more: object): unknown => {
    const isRequest = name === 'request'
    const answered = (result: Result): void => {
      sent.success(answer(result, isRequest ? read(sent, result.data) : result.data))
    }
    return my[name](Object.assign({}, sent, { headers: sent.header }, more, {
      success: (result: Result) => {
        // A download tells no status: it succeeds where there is a file.
        if (name === 'downloadFile') answered(Object.assign({ statusCode: 200, tempFilePath: result.apFilePath }, result))
        else answered(result)
      },
      fail: (result?: Result) => {
        const status = Number(result && (result.statusCode || result.status))
        if (status > 99) answered(result!)
        else sent.fail(failure(name, result))
      },
    }))
  }

  return {
    request: (sent: Sent) => send('request', sent, { data: body(sent), dataType: sent.responseType === 'arraybuffer' ? 'arraybuffer' : sent.dataType === 'base64' ? 'base64' : 'text' }),
    // `fileName` is the older name of `name`; a kind of file has to be given.
    uploadFile: (sent: Sent) => send('uploadFile', sent, { fileName: sent.name, fileType: sent.fileType || 'image' }),
    downloadFile: (sent: Sent) => send('downloadFile', sent, {}),
    login: ({ success, fail }: HostCall) => {
      my.getAuthCode({
        // It asks the person nothing.
        scopes: 'auth_base',
        success: (result: Result) => { success({ code: result.authCode }) },
        fail: (result?: Result) => {
          fail(result && result.error === REFUSED ? noIdentity('the person refused to be known', result) : failure('getAuthCode', result))
        },
      })
    },
    getStorageSync: (key) => (my.getStorageSync({ key }) as { data?: unknown }).data,
    setStorageSync: (key, data) => {
      const { success, error, errorMessage } = Object(my.setStorageSync({ key, data })) as { success?: boolean; error?: number; errorMessage?: string }
      if (success === false || error) throw new Error('setStorageSync: ' + (errorMessage || String(error)))
    },
    removeStorageSync: (key) => {
      my.removeStorageSync({ key })
    },
    onAppShow: (listener) => {
      if (my.onAppShow) my.onAppShow(listener)
    },
    offAppShow: (listener) => {
      if (my.offAppShow) my.offAppShow(listener)
    },
    // The client looks after a host without files.
    getFileSystemManager: () => my.getFileSystemManager!(),
  }
}
