/**
 * `@wugan/client` keeps the users of mini programs and web pages signed in without their noticing: a request is
 * made, and it is answered, whatever state the tokens are in. It owns the session on the device; it renders nothing
 * and knows no framework.
 */
export { createClient } from './client'
export { AuthError, CancelError, ClientError, NetworkError } from './errors'
export type { ErrorDetail } from './errors'
export { fetchHost } from './hosts/fetch'
export type { FetchHostOptions } from './hosts/fetch'
export type { Host, HostCall, HostFunction, HostResult } from './host'
export type * from './types'
