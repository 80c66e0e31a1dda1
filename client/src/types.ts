/** The public types: what goes into a client and what comes out. Nothing here is left at run time. */
import type { ClientError } from './errors'
import type { Host } from './hosts/wx'

/** A person as the service shows them to themselves (schema `User` of the service's OpenAPI document). */
export interface User {
  id: string
  appId?: string
  nickname?: string
  avatarUrl?: string
  /** Masked (`138****0000`), or empty. */
  phone?: string
  roles?: string[]
  /** RFC 3339, UTC. */
  createdAt?: string
  /** RFC 3339, UTC. */
  lastLoginAt?: string
}

/** The token part of an answer to login and refresh. Both lifetimes are in seconds. */
export interface Tokens {
  accessToken: string
  refreshToken: string
  expiresIn: number
  refreshExpiresIn?: number
}

/**
 * `anonymous`: nobody yet; the first request logs in. `authenticating`: a login is under way.
 * `authenticated`: tokens are held. `renewing`: tokens are held and being exchanged.
 * `loggedOut`: the user logged out; only `login()` leaves this state, a restart does not.
 */
export type State = 'anonymous' | 'authenticating' | 'authenticated' | 'renewing' | 'loggedOut'

/** What may be known about the session. It never holds a token. Times are milliseconds since 1970 on this device's clock. */
export interface Session {
  state: State
  user?: User
  /** When the present tokens were received. */
  receivedAt?: number
  /** When the access token ends. */
  expiresAt?: number
  /** When the refresh token ends. */
  refreshExpiresAt?: number
}

/** An answer in the shape of `wx.request`, `wx.uploadFile` (`data` is a string there) or `wx.downloadFile`. */
export interface ClientResponse<T = unknown> {
  statusCode: number
  data: T
  header?: Record<string, string | string[]>
  /** Downloads: where the file is. Absent unless the status is 2xx. */
  tempFilePath?: string
  /** Downloads to a `filePath`: the same. */
  filePath?: string
}

/** What a response check is given: in uploads, `data` has been parsed when it is JSON. */
export type AuthErrorCheck = (response: ClientResponse) => boolean

/** Options that every kind of request has. Further ones go to the host as they are. */
export interface CommonOptions {
  /** Relative to `baseURL`, or absolute. */
  url: string
  header?: Record<string, string>
  /** Milliseconds; by default the client's `timeout`. */
  timeout?: number
  /**
   * Whether the request carries the token. By default, yes for addresses under `baseURL` and no for others,
   * so that a token never travels to a stranger.
   */
  auth?: boolean
  /** What the callbacks were for, the promise says: they are never called. */
  success?: never
  fail?: never
  complete?: never
  [option: string]: unknown
}

/** `client.request`. */
export interface RequestOptions extends CommonOptions {
  /** GET unless said otherwise. */
  method?: string
  data?: unknown
  /** How often a GET is sent again after a network error, a whole number. 0 unless said otherwise; other methods are never repeated. */
  retry?: number
}

/** `client.uploadFile`; `filePath` is a path, or in browsers a `Blob`. */
export interface UploadOptions extends CommonOptions {
  filePath: unknown
  name: string
  formData?: Record<string, unknown>
}

/** `client.downloadFile`. */
export interface DownloadOptions extends CommonOptions {
  filePath?: string
}

/** How far an upload or a download is. */
export interface Progress {
  /** Per cent. */
  progress: number
  totalBytesSent?: number
  totalBytesExpectedToSend?: number
  totalBytesWritten?: number
  totalBytesExpectedToWrite?: number
}

/** A request under way: a promise that can be given up. */
export interface Task<T> extends Promise<T> {
  /** Rejects the promise with a `CancelError`, wherever the request stands. A login or refresh that others share goes on. */
  abort(): void
  /** Progress of an upload or a download, where the host tells it. */
  onProgressUpdate(listener: (progress: Progress) => void): void
}

/** What happened to the session. */
export type AuthEventType =
  | 'loggedIn'
  | 'refreshed'
  | 'loggedOut'
  | 'userChanged'
  | 'loginFailed'
  | 'refreshFailed'
  | 'storageFailed'

/** One event. `error` says why, for the three that end in Failed. */
export interface AuthEvent {
  type: AuthEventType
  session: Session
  error?: ClientError
}

/** Where the service's authentication lives, relative to `baseURL`. */
export interface Paths {
  login: string
  refresh: string
  logout: string
}

/** What a client is made of. */
export interface ClientOptions {
  /** `wx`, `uni`, `Taro`, `fetchHost()` or your own. Never guessed: in uni-app's H5 build a global `wx` exists too. */
  host: Host
  /** `https://api.example.com`; empty for the page's own origin. */
  baseURL: string
  /** Sent at login; may be left out where the service knows one app. */
  appId?: string
  /** Sent at login: a new login takes over this device's session instead of adding one. */
  deviceId?: string
  /** Sent at login, shown in the user's list of sessions. */
  deviceName?: string
  /**
   * Where the session is kept. `wugan` unless said otherwise. Two clients with one key share a session; where
   * the host has no `watchStorage`, each hears of the other's logout when it next renews the tokens, or logs in or out.
   */
  storageKey?: string
  paths?: Partial<Paths>
  /** A new login code without the user noticing, within 10 s. By default `host.login`. */
  getCode?: () => string | Promise<string>
  /** Whether this answer to a request with our token means that the token was refused. By default: status 401. */
  isAuthError?: AuthErrorCheck
  /** Puts the token on a request. By default `header.Authorization = 'Bearer ' + token`. */
  attach?: (header: Record<string, string>, token: string) => void
  /** Milliseconds for one request on the wire. 60,000 unless said otherwise, as in `wx.request`. */
  timeout?: number
  /** Requests on the wire at once, of each kind. 9 unless said otherwise: `wx.request` allows 10, and one place is kept for login and refresh. */
  maxConcurrent?: number
  /** The clock, in milliseconds. `Date.now` unless said otherwise. */
  now?: () => number
  /** Randomness in [0, 1) for jitter. `Math.random` unless said otherwise. */
  random?: () => number
}

/** A client: see each member. All of them may be called in any order and at any time. */
export interface Client {
  /** Sends a request with a token that is good, getting one first where needed. Every HTTP status resolves; see the errors for what rejects. */
  request<T = unknown>(options: RequestOptions): Task<ClientResponse<T>>
  get<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<ClientResponse<T>>
  post<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<ClientResponse<T>>
  put<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<ClientResponse<T>>
  delete<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<ClientResponse<T>>
  /** As `request`, for a file. An access token near its end is renewed first, so that the file is sent once. */
  uploadFile(options: UploadOptions): Task<ClientResponse<string>>
  /** As `request`, for a file. What a failed download left behind is removed. */
  downloadFile(options: DownloadOptions): Task<ClientResponse<undefined>>
  /** Logs in with this code, or with a new one from `getCode` or the host. The only way out of `loggedOut`. */
  login(code?: string): Task<Session>
  /**
   * Exchanges the refresh token; resolves with an access token. Give it the token that was refused: when it is
   * no longer the present one, the present one comes back without a call.
   */
  refresh(refusedToken?: string): Task<string>
  /** Ends the session here at once, then on the service. Requests of this user reject. Resolves even when the service cannot be reached. */
  logout(): Promise<void>
  /** An access token that is good, getting one where needed: for other request libraries. */
  getAccessToken(): Task<string>
  getSession(): Session
  /** Calls the listener at each event; returns a function that stops it. */
  onAuthStateChange(listener: (event: AuthEvent) => void): () => void
  /** Stops listening to the host: for pages that make several clients one after another. */
  close(): void
}
