/** What the hosts of platforms with `wx`'s shape are made of. */
import { AuthError, type Host, type HostCall, type HostFunction } from '../index'

/** What the client and its parts call. */
const NAMES = [
  'request', 'uploadFile', 'downloadFile', 'getStorageSync', 'setStorageSync', 'removeStorageSync', 'onAppShow', 'offAppShow',
  'getFileSystemManager', 'checkSession', 'connectSocket',
]

/** What a platform with `wx`'s shape has at least. */
export interface Shaped {
  request: HostFunction
  getStorageSync: (key: string) => unknown
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the platforms' typings say differently what may be stored
  setStorageSync: (key: string, value: any) => unknown
  removeStorageSync: (key: string) => unknown
}

/** A host of such a platform; `checkSession` and `connectSocket` are for other parts of this package. */
export type ShapedHost = Host & Record<'checkSession' | 'connectSocket', HostFunction>

/** The platform's functions, and this login. Written out: a platform's object need not give them to `Object.assign`. */
export function shaped(platform: Shaped, login: (call: HostCall) => void): ShapedHost {
  const from = platform as unknown as Record<string, ((...given: unknown[]) => unknown) | undefined>
  const host: Record<string, unknown> = { login, env: from.env }
  NAMES.forEach((name) => {
    if (typeof from[name] === 'function') host[name] = (...given: unknown[]) => from[name]!(...given)
  })
  return host as unknown as ShapedHost
}

/** The error of a login while the user is not logged in to the platform's own app. It is not retryable. */
export const noIdentity = (message: string, cause?: unknown): AuthError => new AuthError('no_identity', message, { cause })
