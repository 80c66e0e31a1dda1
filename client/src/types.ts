/** The public types: what goes into a client and what comes out. Nothing here is left at run time. */
import type { ClientError } from './errors'
import type { Host } from './host'

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

/** A refusal or a fault as the service tells it (RFC 9457, with a code of the service's own). */
export interface Problem {
  status?: number
  title?: string
  /** For a developer; it says what to do. */
  detail?: string
  /** A word for programs. */
  code?: string
  /** Beside `session_revoked`: why the session ended. */
  reason?: string
  requestId?: string
}

/**
 * `anonymous`: no user yet; the first request logs in. `authenticating`: a login is under way.
 * `authenticated`: tokens are held. `renewing`: there are tokens, and a refresh is under way.
 * `loggedOut`: the user logged out, or the service ended the session for good (`reason`); only `login()` leaves this
 * state, a restart does not.
 * `refused`: the session is over and no silent login got through (`reason`: a disabled account, no way to log in
 * silently …). Requests try again, after pauses of 3 s to 5 min; `login()` tries at once.
 */
export type State = 'anonymous' | 'authenticating' | 'authenticated' | 'renewing' | 'loggedOut' | 'refused'

/** What may be known about the session. It never holds a token. Times are milliseconds since 1970 on this device's clock. */
export interface Session {
  state: State
  /** What login and /users/me said of the user. */
  user?: User
  /** `loggedOut`: why the service ended the session. `refused`: the code of the login that was refused. */
  reason?: string
  /** When the call that brought the present tokens was sent. */
  receivedAt?: number
  /** When the access token ends. */
  expiresAt?: number
  /** When the refresh token ends. */
  refreshExpiresAt?: number
}

/** What every answer has, in the shape of `wx.request`, `wx.uploadFile` or `wx.downloadFile`. */
interface AnswerParts {
  statusCode: number
  header?: Record<string, string | string[]>
  /** `wx`, `uni`: the Set-Cookie headers. */
  cookies?: string[]
  /** `wx`: timings of the network, where `enableProfile` asks for them. */
  profile?: Record<string, unknown>
  errMsg?: string
  /** Downloads: where the file is. Absent unless the status is 2xx. */
  tempFilePath?: string
  /** Downloads to a `filePath`: the same. */
  filePath?: string
}

/** An answer as a host gives it, whatever its status. */
export interface ClientResponse<T = unknown> extends AnswerParts {
  data: T
  /** Whether the status is 2xx. Set by the client; absent in what `isAuthError` is shown of other hosts. */
  ok?: boolean
}

/** An answer to the caller: what `data` is depends on whether the status is 2xx. */
export type Answer<T = unknown> = (AnswerParts & { ok: true; data: T }) | (AnswerParts & { ok: false; data: unknown })

/** What a response check is given: in uploads, `data` has been parsed when it is JSON. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the body is whatever the caller's own back end sends
export type AuthErrorCheck = (response: ClientResponse<any>) => unknown

/** Options of the hosts that go to them as they are; `hostOptions` takes the rest. */
interface HostOptions {
  dataType?: string
  responseType?: string
  enableHttp2?: boolean
  enableQuic?: boolean
  enableCache?: boolean
  enableProfile?: boolean
  enableHttpDNS?: boolean
  httpDNSServiceId?: string
  httpDNSTimeout?: number
  /** The answer arrives in pieces: see `onChunkReceived` of the task. */
  enableChunked?: boolean
  forceCellularNetwork?: boolean
  useHighPerformanceMode?: boolean
  redirect?: 'follow' | 'manual'
  withCredentials?: boolean
  sslVerify?: boolean
  firstIpv4?: boolean
}

/** Options that every kind of request has. */
export interface CommonOptions extends HostOptions {
  /** Relative to `baseURL`, or absolute. */
  url: string
  header?: Record<string, string>
  /**
   * Milliseconds for this request each time it is on the wire, without waiting for a token.
   * @default the client's `timeout`
   */
  timeout?: number
  /**
   * Milliseconds for the whole: login, refresh, waiting for a place, every sending.
   * @default the client's `deadline`
   */
  deadline?: number
  /**
   * Whether the request carries the token. By default, yes for addresses under `baseURL` and no for others,
   * so that no other server gets a token. `'optional'`: the current token or a refreshed one, else none;
   * such a request never rejects for lack of a token, and starts no login.
   * @default true under `baseURL`, else false
   */
  auth?: boolean | 'optional'
  /** Further options for the host, as they are. */
  hostOptions?: Record<string, unknown>
  /** What the callbacks were for, the promise says: they are never called. */
  success?: never
  fail?: never
  complete?: never
}

/** What HTTP knows; `wx.request` refuses PATCH. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'PATCH' | (string & Record<never, never>)

/** `client.request`. */
export interface RequestOptions extends CommonOptions {
  /** @default 'GET' */
  method?: Method
  data?: unknown
  /**
   * How often a GET is sent again after a network error, a whole number; other methods are never repeated.
   * @default 0
   */
  retry?: number
}

/** A request as it goes to the host, for `onRequest` to change. */
export interface SentRequest extends RequestOptions {
  header: Record<string, string>
}

/** `client.uploadFile`; `filePath` is a path, or in browsers a `Blob`. */
export interface UploadOptions extends CommonOptions {
  filePath: unknown
  name: string
  fileType?: string
  formData?: Record<string, unknown>
}

/** `client.downloadFile`. */
export interface DownloadOptions extends CommonOptions {
  filePath?: string
  /** As `request`: how often a download is begun again after a network error. */
  retry?: number
}

/** A login that is more than a code. */
export interface LoginRequest {
  /** A login code. By default a new one from `getCode` or the host. */
  code?: string
  /** The code of a getPhoneNumber button: the number is bound in the same call. */
  phoneCode?: string
  /** A ticket that another app of the same user was given, instead of a code. */
  ticket?: string
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

/** The head of an answer that arrives in pieces. */
export interface HeadersReceived {
  header: Record<string, string>
  /** WeChat's developer tools do not tell it. */
  statusCode?: number
  cookies?: string[]
}

/** A piece of an answer. */
export interface ChunkReceived {
  data: ArrayBuffer
}

/** A request under way: a promise that can be given up. */
export interface Task<T> extends Promise<T> {
  /** Rejects the promise with a `CancelError`, wherever the request stands. A login or refresh that others share goes on. */
  abort(): void
  /** Progress of an upload or a download, where the host tells it. */
  onProgressUpdate(listener: (progress: Progress) => void): void
  /** With `enableChunked`: the head of the answer. That of a 401 which is mended is left out. */
  onHeadersReceived(listener: (event: HeadersReceived) => void): void
  /** With `enableChunked`: each piece of the answer. Those of a 401 which is mended are left out. */
  onChunkReceived(listener: (event: ChunkReceived) => void): void
}

/** One event: what happened to the session, and what is true of it now. */
export type AuthEvent =
  /** `initial`: what was true when the listener was added with `initial: true`. */
  | { type: 'initial' | 'loggedIn' | 'refreshed' | 'loggedOut' | 'userChanged' | 'userUpdated'; session: Session; error?: undefined }
  | { type: 'loginFailed' | 'refreshFailed' | 'storageFailed'; session: Session; error: ClientError }

/** The names of the events. */
export type AuthEventType = AuthEvent['type']

/** Where the service is asked, relative to `baseURL`. */
export interface Paths {
  /** @default '/api/v1/auth/login' */
  login: string
  /** @default '/api/v1/auth/refresh' */
  refresh: string
  /** @default '/api/v1/auth/logout' */
  logout: string
  /** @default '/api/v1/users/me' */
  me: string
}

/** What a client is made of. */
export interface ClientOptions {
  /** `wx`, `uni`, `Taro`, `fetchHost()` or your own. Never guessed: in uni-app's H5 build a global `wx` exists too. */
  host: Host
  /** `https://api.example.com`; empty for the page's own origin. A stored session is used for this service alone. */
  baseURL: string
  /** Sent at login; may be left out where the service knows one app. */
  appId?: string
  /**
   * Sent at login: a new login takes over this device's session instead of adding one. `''` sends none.
   * @default a random one, kept in the storage under `storageKey + '.device'`, also after a logout
   */
  deviceId?: string
  /** Sent at login, shown in the user's list of sessions. */
  deviceName?: string
  /**
   * Where the session is kept. Two clients with one key share a session; where the host has no `watchStorage`, each
   * hears of the other's logout when it next renews the tokens, or logs in or out.
   * @default 'wugan'
   */
  storageKey?: string
  paths?: Partial<Paths>
  /**
   * A new login code without the user noticing, within 10 s. A `ClientError` that it throws is what the login rejects with;
   * another error is the `cause` of an `AuthError` `no_code`.
   * @default host.login
   */
  getCode?: () => string | Promise<string>
  /**
   * Whether this answer to a request with our token means that the token was refused.
   * @default ({ statusCode }) => statusCode === 401
   */
  isAuthError?: AuthErrorCheck
  /**
   * Puts the token on a request.
   * @default (header, token) => { header.Authorization = 'Bearer ' + token }
   */
  attach?: (header: Record<string, string>, token: string) => void
  /**
   * Shown each request before it is sent, with its token on it, each time it is sent: to sign it, or to note it. What
   * it changes is sent; a promise is waited for.
   */
  onRequest?: (request: SentRequest) => unknown
  /** Shown each answer before its caller is. What it returns, or resolves with, takes the answer's place; nothing leaves it. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as isAuthError
  onResponse?: (response: ClientResponse<any>, request: RequestOptions) => unknown
  /** Takes the tokens out of what login and refresh answer, where the back end wraps its answers: `(body) => body.data`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as isAuthError
  unwrap?: (body: any) => unknown
  /**
   * Milliseconds for one request each time it is on the wire, as in `wx.request`. Login and refresh have 10 s each.
   * @default 60000
   */
  timeout?: number
  /**
   * Milliseconds for the whole of a call: login, refresh, waiting for a place, every sending.
   * @default none: the parts have limits of their own
   */
  deadline?: number
  /**
   * Requests on the wire at once, of each kind: `wx.request` allows 10, and one place is kept for login and refresh.
   * @default the host's own, else 9
   */
  maxConcurrent?: number
  /**
   * The clock, in milliseconds.
   * @default Date.now
   */
  now?: () => number
  /**
   * Randomness in [0, 1): for jitter, and for the device's id.
   * @default Math.random
   */
  random?: () => number
}

/** A client: see each member. All of them may be called in any order and at any time. */
export interface Client {
  /** Sends a request with a token that is good, getting one first where needed. Every HTTP status resolves; see the errors for what rejects. */
  request<T = unknown>(options: RequestOptions): Task<Answer<T>>
  get<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<Answer<T>>
  post<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<Answer<T>>
  put<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<Answer<T>>
  delete<T = unknown>(url: string, data?: unknown, options?: Partial<RequestOptions>): Task<Answer<T>>
  /** As `request`, for a file. An access token near its end is renewed first, so that the file is sent once. */
  uploadFile(options: UploadOptions): Task<Answer<string>>
  /** As `request`, for a file. What a failed download left behind is removed. */
  downloadFile(options: DownloadOptions): Task<Answer<undefined>>
  /**
   * Logs in with this code, or with a new one from `getCode` or the host. The only way out of `loggedOut`. It takes a
   * refresh or a silent login off the wire, and waits for neither.
   */
  login(request?: string | LoginRequest): Task<Session>
  /**
   * Exchanges the refresh token; resolves with an access token. Give it the token that was refused: when it is
   * no longer the present one, the present one comes back without a call.
   */
  refresh(refusedToken?: string): Task<string>
  /** Ends the session here at once, then on the service. Requests of this user reject. Resolves even when the service cannot be reached. */
  logout(): Promise<void>
  /** An access token that is good, getting one where needed: for other request libraries. */
  getAccessToken(): Task<string>
  /** The access token that is held, if its time is not over; else `''`. It sends nothing. */
  cachedToken(): string
  getSession(): Session
  /** Takes over tokens that came by another way, as a login. */
  setSession(session: Tokens & { user?: User }): void
  /** The session's user has these fields now; the others stay. It tells the service nothing. */
  setUser(user: Partial<User>): void
  /** Calls the listener at each event; returns a function that stops it. `initial`: also once at the beginning. */
  onAuthStateChange(listener: (event: AuthEvent) => void, options?: { initial?: boolean }): () => void
  /** Stops listening to the host: for pages that make several clients one after another. */
  close(): void
}
