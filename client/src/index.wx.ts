/** What a mini program gets from `miniprogram_dist`: everything but the host for browsers. */
export { createClient } from './client'
export { AuthError, CancelError, ClientError, NetworkError } from './errors'
export type { ErrorDetail } from './errors'
export type { Host, HostCall, HostFunction, HostResult } from './host'
export type * from './types'
