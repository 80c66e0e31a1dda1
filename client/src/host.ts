/**
 * What the client needs of its surroundings, in `wx`'s own shape, so that `wx`, `uni` and `Taro` are hosts as they are.
 * The core calls nothing else: no fetch, no DOM.
 */

/** What a host hands to `success`: `statusCode`, `data`, `header`; a `code` for login; a path for downloads. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- three typings packages describe this differently; the client checks what it reads
export type HostResult = any

/** Options of a call in `wx`'s style: exactly one of the two functions is to be called, once. */
export interface HostCall {
  success: (result: HostResult) => void
  fail: (error: HostResult) => void
  /** Milliseconds. The client has its own timer as well, for hosts that do not keep to it. */
  timeout: number
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  [option: string]: any
}

/** A function of a host. It may return a task with `abort` and `onProgressUpdate`; a promise it returns is ignored. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
export type HostFunction = (options: any) => unknown

/** The host's side of the client. Everything but `request` and the storage may be missing. */
export interface Host {
  request: HostFunction
  uploadFile?: HostFunction
  downloadFile?: HostFunction
  /**
   * Answers `{ code }`. Hosts without it need `getCode`, or an explicit `login(code)`. A `ClientError` that `fail` is given
   * is what the login rejects with: a guest is an `AuthError` of the code `no_identity`, anything else is a `NetworkError`.
   */
  login?: HostFunction
  getStorageSync: (key: string) => unknown
  setStorageSync: (key: string, value: string) => void
  removeStorageSync: (key: string) => void
  /** How many requests of each kind the platform runs at once, less one that is kept for login and refresh. @default 9 */
  maxConcurrent?: number
  onAppShow?: (listener: () => void) => void
  offAppShow?: (listener: () => void) => void
  /** Used to remove what a failed download left behind. */
  getFileSystemManager?: () => HostResult
  /**
   * Browsers: runs `work` while no other tab runs work of this name; after `patience` milliseconds it runs it all
   * the same. Settles as `work` does, and lets go of the lock however it ends.
   */
  withLock?: <T>(name: string, patience: number, work: () => Promise<T>) => Promise<T>
  /** Browsers: calls `changed` when another tab has written this key. Returns a function that stops it. */
  watchStorage?: (key: string, changed: () => void) => () => void
}
