/**
 * The service, as far as a client sees it: login, refresh by the rotation rule (docs/en/rotation.md), logout, and a
 * resource that wants an access token. It runs on the fake clock, keeps a record of every call, and can be told to
 * misbehave.
 */
import type { ClientResponse } from '../../src/types'

export interface Call {
  at: number
  path: string
  method: string
  /** The access token that the request carried. */
  token: string
  /** The refresh token or the code in the body. */
  secret: string
}

interface ServerSession {
  id: string
  user: string
  used: number
  last: number
  rotatedAt: number
  revoked: boolean
  /** Why it was ended; a service of before the second part of the contract says nothing. */
  reason?: string
  deviceId?: string
}

/** What a call meets instead of the usual: nothing is answered to `hang`, and `lost` answers fail on the way back. */
export type Fault =
  | { kind: 'answer'; status: number; body?: unknown; header?: Record<string, string> }
  | { kind: 'fail' }
  | { kind: 'lost' }
  | { kind: 'hang' }
  /** Nothing is answered, or (`fails`) the connection breaks; so many milliseconds later it is handled all the same. */
  | { kind: 'late'; after: number; fails?: boolean }

export const problem = (status: number, code: string, header?: Record<string, string>): Fault => ({
  kind: 'answer',
  status,
  body: { type: 'about:blank', title: code, status, detail: code + ' happened', code, requestId: 'r' },
  ...(header ? { header } : {}),
})

export class Service {
  readonly calls: Call[] = []
  accessTtl = 14400
  refreshTtl = 604800
  grace = 10
  /** Every request to the resource is refused, whatever it carries. */
  refusesAll = false
  /** Paths that refuse every token. */
  readonly alwaysRefuses = new Set<string>()
  /** Users who may not log in; their sessions are over. */
  readonly disabled = new Set<string>()
  /** Phone codes whose number another user holds, who remains. */
  readonly holders = new Map<string, string>()
  /** What /users/me says beside the id. */
  readonly profiles = new Map<string, Record<string, unknown>>()
  /** How often a token was taken for a stolen copy. */
  reused = 0
  private readonly sessions = new Map<string, ServerSession>()
  private readonly access = new Map<string, { sid: string; expires: number; refused?: boolean }>()
  private readonly codes = new Set<string>()
  private readonly faults: { path: string; fault: Fault }[] = []
  private count = 0

  constructor(private readonly now: () => number = () => Date.now()) {}

  /** The next calls to this path meet these faults, one each. */
  script(path: string, ...faults: Fault[]): void {
    for (const fault of faults) this.faults.push({ path, fault })
  }

  fault(path: string): Fault | undefined {
    const index = this.faults.findIndex((one) => one.path === path)
    return index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault
  }

  forgetFaults(): void {
    this.faults.length = 0
  }

  /** What `wx.login` gives on a device of this user. */
  newCode(user: string): string {
    const code = `code:${user}:${String(++this.count)}`
    this.codes.add(code)
    return code
  }

  /** Every live access token is refused from now on; sessions stay. */
  expireAccess(): void {
    for (const one of this.access.values()) one.refused = true
  }

  /** Every session ends, as after "log out everywhere". */
  revokeAll(reason?: string): void {
    for (const one of this.sessions.values()) this.end(one, reason)
  }

  /** An operator disables an account. */
  disable(user: string): void {
    this.disabled.add(user)
    for (const one of this.sessions.values()) if (one.user === user) this.end(one)
  }

  private end(session: ServerSession, reason?: string): void {
    if (session.revoked) return
    session.revoked = true
    if (reason) session.reason = reason
  }

  liveSessions(): number {
    return [...this.sessions.values()].filter((one) => !one.revoked).length
  }

  to(path: string): Call[] {
    return this.calls.filter((call) => call.path === path)
  }

  handle(method: string, path: string, header: Record<string, string>, data: unknown): ClientResponse {
    const body = (data ?? {}) as Record<string, string | undefined>
    const token = (header.Authorization ?? header.authorization ?? '').replace(/^Bearer /, '')
    this.calls.push({ at: this.now(), path, method, token, secret: body.refreshToken ?? body.code ?? '' })
    if (path === '/api/v1/auth/login') return this.login(body)
    if (path === '/api/v1/auth/refresh') return this.refresh(body.refreshToken ?? '')
    if (path === '/api/v1/auth/logout') return this.logout(body.refreshToken ?? '')
    if (path.startsWith('/public')) return this.answer(200, { public: true })
    return this.resource(token, path, method, body)
  }

  private login({ code = '', ticket = '', phoneCode, deviceId }: Record<string, string | undefined>): ClientResponse {
    if (ticket) return this.enter(ticket.split(':')[1] ?? '', deviceId)
    if (phoneCode !== undefined && !this.codes.delete(phoneCode)) return this.refuse(400, 'invalid_phone_code')
    // As `wugan dev`: such a code logs NAME in, any number of times.
    if (code.startsWith('dev:')) return this.enter(code.slice(4), deviceId)
    if (!this.codes.delete(code)) return this.refuse(400, code.startsWith('code:') ? 'code_used' : 'invalid_code')
    return this.enter(code.split(':')[1] ?? '', deviceId)
  }

  private enter(user: string, deviceId?: string): ClientResponse {
    if (this.disabled.has(user)) return this.refuse(403, 'user_disabled')
    // A new login takes over the device's session.
    for (const one of this.sessions.values()) if (deviceId && one.deviceId === deviceId && one.user === user) this.end(one, 'replaced')
    const id = `s${String(++this.count)}`
    const session: ServerSession = { id, user, used: 0, last: 1, rotatedAt: this.now(), revoked: false, ...(deviceId ? { deviceId } : {}) }
    this.sessions.set(id, session)
    return this.answer(200, { user: { id: user, nickname: user }, newUser: false, ...this.issue(session) })
  }

  /** The table of the rotation page, case by case. */
  private refresh(token: string): ClientResponse {
    const [, id = '', s = '', p = '', expires = ''] = token.split('.')
    const session = this.sessions.get(id)
    const [seq, prev] = [Number(s), Number(p)]
    if (!session) return this.refuse(401, 'refresh_invalid')
    if (this.now() >= Number(expires)) return this.refuse(401, 'refresh_expired')
    if (session.revoked) return this.refuse(401, 'session_revoked', session.reason)
    if (seq === session.used && this.now() - session.rotatedAt <= this.grace * 1000) return this.answer(200, this.issue(session))
    if (seq === session.used) {
      session.last++
    } else if (prev === session.used) {
      session.used = seq
      session.last++
    } else {
      session.revoked = true
      this.reused++
      return this.refuse(401, 'refresh_reused')
    }
    session.rotatedAt = this.now()
    return this.answer(200, this.issue(session))
  }

  private logout(token: string): ClientResponse {
    const session = this.sessions.get(token.split('.')[1] ?? '')
    if (session) this.end(session, 'logged_out')
    return this.answer(204, '')
  }

  private resource(token: string, path: string, method: string, body: Record<string, string | undefined>): ClientResponse {
    const known = this.access.get(token)
    if (this.refusesAll) return this.refuse(401, 'token_invalid')
    if (!token) return this.refuse(401, 'token_missing')
    if (!known) return this.refuse(401, 'token_invalid')
    if (known.refused === true || this.now() >= known.expires) return this.refuse(401, 'token_expired')
    const session = this.sessions.get(known.sid)
    if (!session || session.revoked) return this.refuse(401, 'session_revoked', session?.reason)
    if (this.alwaysRefuses.has(path)) return this.refuse(401, 'token_invalid')
    const own = this.account(session, method, path, body)
    if (own) return own
    if (path.startsWith('/api/v1/users/me')) return this.answer(200, { id: session.user, nickname: session.user, ...this.profiles.get(session.user) })
    if (path === '/forbidden') return this.refuse(403, 'forbidden')
    return this.answer(200, { user: session.user })
  }

  /** What belongs to the user: tickets, logging out everywhere, a phone number, closing the account, decrypting. */
  private account(session: ServerSession, method: string, path: string, body: Record<string, string | undefined>): ClientResponse | undefined {
    if (path === '/api/v1/auth/ticket') return this.answer(200, { ticket: `ticket:${session.user}:${String(++this.count)}`, expiresIn: 60 })
    if (path === '/api/v1/auth/logout-all') {
      for (const one of this.sessions.values()) if (one.user === session.user) this.end(one, 'signed_out')
      return this.answer(204, '')
    }
    if (path === '/api/v1/users/me' && method === 'DELETE') {
      const code = body.code ?? ''
      if (!this.codes.delete(code)) return this.refuse(400, 'invalid_code')
      if (code.split(':')[1] !== session.user) return this.refuse(403, 'another_person')
      for (const one of this.sessions.values()) if (one.user === session.user) this.end(one, 'account_closed')
      return this.answer(204, '')
    }
    const remains = this.holders.get(body.code ?? '')
    if (path === '/api/v1/users/me/phone' && remains) {
      for (const one of this.sessions.values()) if (one.user === session.user) this.end(one, 'merged')
      const { data } = this.enter(remains)
      const { user, ...tokens } = data as { user: object }
      return this.answer(200, { ...user, ...tokens })
    }
    if (path === '/api/v1/wechat/decrypt') {
      // The key is as old as the login.
      return body.iv === session.id ? this.answer(200, { data: { steps: 7 } }) : this.refuse(400, 'decrypt_failed')
    }
    return undefined
  }

  private issue(session: ServerSession): object {
    const accessToken = `at.${session.id}.${String(++this.count)}`
    this.access.set(accessToken, { sid: session.id, expires: this.now() + this.accessTtl * 1000 })
    const refreshToken = ['rt', session.id, session.last, session.used, this.now() + this.refreshTtl * 1000].join('.')
    return { accessToken, refreshToken, tokenType: 'Bearer', expiresIn: this.accessTtl, refreshExpiresIn: this.refreshTtl }
  }

  private answer(statusCode: number, data: unknown): ClientResponse {
    return { statusCode, data, header: {} }
  }

  private refuse(status: number, code: string, reason?: string): ClientResponse {
    const fault = problem(status, code)
    return this.answer(status, fault.kind === 'answer' ? { ...(fault.body as object), ...(reason ? { reason } : {}) } : undefined)
  }
}
