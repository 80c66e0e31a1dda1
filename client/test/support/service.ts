/**
 * The service, as far as a client sees it: login, refresh by the rotation rule (docs/rotation.md), logout, and a
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
}

/** What a call meets instead of the usual: nothing is answered to `hang`, and `lost` answers fail on the way back. */
export type Fault =
  | { kind: 'answer'; status: number; body?: unknown; header?: Record<string, string> }
  | { kind: 'fail' }
  | { kind: 'lost' }
  | { kind: 'hang' }

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
  revokeAll(): void {
    for (const one of this.sessions.values()) one.revoked = true
  }

  liveSessions(): number {
    return [...this.sessions.values()].filter((one) => !one.revoked).length
  }

  to(path: string): Call[] {
    return this.calls.filter((call) => call.path === path)
  }

  handle(method: string, path: string, header: Record<string, string>, data: unknown): ClientResponse {
    const body = (data ?? {}) as { code?: string; refreshToken?: string }
    const token = (header.Authorization ?? header.authorization ?? '').replace(/^Bearer /, '')
    this.calls.push({ at: this.now(), path, method, token, secret: body.refreshToken ?? body.code ?? '' })
    if (path === '/api/v1/auth/login') return this.login(body.code ?? '')
    if (path === '/api/v1/auth/refresh') return this.refresh(body.refreshToken ?? '')
    if (path === '/api/v1/auth/logout') return this.logout(body.refreshToken ?? '')
    if (path.startsWith('/public')) return this.answer(200, { public: true })
    return this.resource(token, path)
  }

  private login(code: string): ClientResponse {
    if (!this.codes.delete(code)) return this.refuse(400, code.startsWith('code:') ? 'code_used' : 'invalid_code')
    const user = code.split(':')[1] ?? ''
    const id = `s${String(++this.count)}`
    const session = { id, user, used: 0, last: 1, rotatedAt: this.now(), revoked: false }
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
    if (session.revoked) return this.refuse(401, 'session_revoked')
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
    if (session) session.revoked = true
    return this.answer(204, '')
  }

  private resource(token: string, path: string): ClientResponse {
    const known = this.access.get(token)
    if (this.refusesAll) return this.refuse(401, 'token_invalid')
    if (!token) return this.refuse(401, 'token_missing')
    if (!known) return this.refuse(401, 'token_invalid')
    if (known.refused === true || this.now() >= known.expires) return this.refuse(401, 'token_expired')
    const session = this.sessions.get(known.sid)
    if (!session || session.revoked) return this.refuse(401, 'session_revoked')
    if (path === '/forbidden') return this.refuse(403, 'forbidden')
    return this.answer(200, { user: session.user })
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

  private refuse(status: number, code: string): ClientResponse {
    const fault = problem(status, code)
    return this.answer(status, fault.kind === 'answer' ? fault.body : undefined)
  }
}
