/**
 * `@wugan/client/account`: what a page about the user asks of the service. It sends by the client, so that tokens are
 * its business, and it keeps nothing.
 */
import { AuthError, type Client, type Host, type Tokens, type User } from './index'
import { wanted } from './parts/ok'

/** What WeChat encrypted for this user. */
export interface Encrypted {
  encryptedData: string
  iv: string
}

/** A ticket for another app or a web-view, in which `login({ ticket })` logs the same user in. */
export interface Ticket {
  ticket: string
  /** Seconds. It works once. */
  expiresIn: number
}

export interface AccountOptions {
  /** `wx`, `uni` or `Taro`, for `checkSession`, and for a new code where there is no `getCode`. */
  host?: Pick<Host, 'login'> & { checkSession?: (options: { success: () => void; fail: () => void }) => unknown }
  /** A new login code, for `closeAccount`. By default of `host.login`. */
  getCode?: () => string | Promise<string>
}

/** All of them reject with the service's refusal as an `AuthError`, and with a `NetworkError` when it may pass. */
export interface Account {
  /** Reads the user; the client's session has it from then on. */
  fetchUser: () => Promise<User>
  /** Changes nickname or avatar. An avatar's address is that of an uploaded file; what `chooseAvatar` hands out is no such address. */
  saveProfile: (profile: { nickname?: string; avatarUrl?: string }) => Promise<User>
  /** Binds the phone number that a getPhoneNumber button gave this code for. It may turn out to be another user's, who then is the one. */
  bindPhone: (code: string) => Promise<User>
  /** Hands the user over to a web-view or another app. `audience`: whom the ticket is for. */
  getTicket: (audience?: string) => Promise<Ticket>
  /** Ends all of the user's sessions, on every device, this one included. */
  logoutAll: () => Promise<void>
  /** Erases the user, with a new login code of the same person. The session ends. */
  closeAccount: (code?: string) => Promise<void>
  /**
   * Decrypts what WeChat encrypted. WeChat's key changes with a login: give a function that asks WeChat for the data,
   * which is called after the key has been looked at, and once more when it had changed all the same.
   */
  decrypt: <T = Record<string, unknown>>(data: Encrypted | (() => Encrypted | Promise<Encrypted>)) => Promise<T>
}

const ME = '/api/v1/users/me'

/** The same client with these calls beside its own. */
export function withAccount<C extends Client>(client: C, options: AccountOptions = {}): C & Account {
  const { host = {}, getCode } = options
  const post = <T>(path: string, data?: unknown): Promise<T> => client.post<T>(path, data).then(wanted)

  const newCode = (): Promise<string> =>
    new Promise((resolve, reject) => {
      if (getCode) resolve(getCode())
      else if (host.login) host.login({ success: ({ code }: { code: string }) => { resolve(code) }, fail: reject })
      else reject(new AuthError('login_required', 'give host or getCode, or a code'))
    })

  /** Whether WeChat's key is the one that the service has, as far as this device knows. */
  const isKeyGood = (): Promise<boolean> =>
    new Promise((resolve) => {
      if (host.checkSession) host.checkSession({ success: () => { resolve(true) }, fail: () => { resolve(false) } })
      else resolve(true)
    })

  const account: Account = {
    fetchUser: () => client.get<User>(ME).then(wanted),
    // wx.request knows no PATCH.
    saveProfile: (profile) => post(ME, profile),
    bindPhone: (code) =>
      post<User & Partial<Tokens>>(ME + '/phone', { code }).then((answer) => {
        const { accessToken, refreshToken, expiresIn, refreshExpiresIn, ...rest } = answer
        const user = Object.assign({}, rest)
        delete (user as { tokenType?: string }).tokenType
        // The number joined two users: the answer is the one who remains, with tokens of a session of theirs.
        if (accessToken && refreshToken && expiresIn) client.setSession({ accessToken, refreshToken, expiresIn, refreshExpiresIn, user })
        return user
      }),
    getTicket: (audience) => post('/api/v1/auth/ticket', { audience }),
    logoutAll: () => post('/api/v1/auth/logout-all').then(() => client.logout()),
    closeAccount: (given) =>
      (given ? Promise.resolve(given) : newCode())
        .then((code) => client.delete(ME, { code }, { header: { 'content-type': 'application/json' } }))
        .then(wanted)
        .then(() => client.logout()),
    decrypt: <T>(data: Encrypted | (() => Encrypted | Promise<Encrypted>)) => {
      const once = (): Promise<T> =>
        // A silent login, if one is needed, comes before the data, and not between the data and the service.
        client.getAccessToken()
          .then(isKeyGood)
          .then((isGood) => (isGood ? undefined : client.login()))
          .then(() => (typeof data === 'function' ? data() : data))
          .then(({ encryptedData, iv }) => post<{ data: T }>('/api/v1/wechat/decrypt', { encryptedData, iv }))
          .then((answer) => answer.data)
      return once().catch((error: unknown) => {
        if (typeof data !== 'function' || (error as { code?: string }).code !== 'decrypt_failed') throw error
        return client.login().then(once)
      })
    },
  }
  return Object.assign(client, account)
}
