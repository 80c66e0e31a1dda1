// The admin API, as httpapi/openapi.yaml states it.
import { signal } from '@preact/signals'
import { leave, session } from './session'

export interface Identity { provider: string; appId: string; openid: string; unionid: string; createdAt: string }
export interface Person {
  id: string
  identities: Identity[]
  nickname: string
  avatarUrl: string
  phone: string
  roles: string[]
  metadata: Record<string, unknown>
  createdAt: string
  lastLoginAt: string
  disabledAt: string | null
  disabledReason: string
}
export interface DeviceSession {
  id: string
  userId: string
  appId: string
  deviceId: string
  deviceName: string
  userAgent: string
  ip: string
  createdAt: string
  lastUsedAt: string
  expiresAt: string
  revokedAt: string | null
  revokedReason: string
}
export interface RecordedEvent {
  at: string
  kind: string
  actor: string
  reason: string
  sessionId: string
  detail: Record<string, unknown>
}
export interface Minute {
  at: string
  logins: Record<string, number>
  refreshes: Record<string, number>
  calls: Record<string, Record<string, number>>
  responses: Record<string, number>
  timed: number
  p50: number
  p95: number
  p99: number
  purged: number
}
export interface Stats {
  pod: string
  version: string
  startedAt: string
  now: string
  status: 'ready' | 'degraded' | 'unavailable'
  revocationsAge: number
  clockSkew: number
  schema: number
  dashboardUrl: string
  keys: { use: string; id: string; algorithm: string; activeFrom: string | null; state: 'signs' | 'waits' | 'verifies' }[]
  database: { kind: string; inUse: number; idle: number; max: number }
  purge: { lastSuccess: string | null; failures: number }
  webhooks: { waiting: number; lag: number } | null
  minutes: Minute[]
}
export interface Found { users: Person[]; nextCursor: string; total: number | null }
export interface Recorded { events: RecordedEvent[]; nextCursor: string; total: number | null }

/** What the service refused, or status 0: it did not respond. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string,
    readonly retryAfter: number,
  ) {
    super(code)
  }
}

/** Whether the service responded the last time. */
export const reachable = signal(true)

type Query = Record<string, string | number | undefined>

interface Options {
  query?: Query
  body?: unknown
  /** Instead of the key of this tab: to try one. */
  key?: string
}

async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const address = new URL('../api/v1/admin' + path, document.baseURI)
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== '') address.searchParams.set(name, String(value))
  }
  const headers: Record<string, string> = { Authorization: 'Bearer ' + (options.key ?? session.value?.key ?? '') }
  const actor = session.value?.actor
  if (actor) headers['X-Actor'] = encodeURIComponent(actor)
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  let response: Response
  let text: string
  try {
    response = await fetch(address, {
      method, headers, credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: AbortSignal.timeout(20_000),
    })
    text = await response.text()
  } catch {
    reachable.value = false
    throw new Problem(0, 'unreachable', '', '', 0)
  }
  reachable.value = true
  if (response.ok) return (text ? JSON.parse(text) : undefined) as T
  let problem: { code?: string; detail?: string; requestId?: string } = {}
  try {
    problem = JSON.parse(text) as typeof problem
  } catch {
    // Not from the service: a proxy in between.
  }
  if (response.status === 401 && options.key === undefined) leave('refused')
  throw new Problem(
    response.status, problem.code ?? 'http_' + response.status, problem.detail ?? '',
    problem.requestId ?? response.headers.get('X-Request-Id') ?? '', Number(response.headers.get('Retry-After') ?? 0),
  )
}

const id = encodeURIComponent

export const api = {
  key: (key: string) => call<{ name: string; scope: 'support' | 'admin' }>('GET', '/key', { key }),
  find: (query: Query) => call<Found>('GET', '/users', { query: { ...query, count: 'true' } }),
  person: (user: string) => call<Person>('GET', `/users/${id(user)}`),
  phone: (user: string) => call<{ phone: string }>('POST', `/users/${id(user)}/phone`),
  sessions: (user: string) => call<{ sessions: DeviceSession[] }>('GET', `/users/${id(user)}/sessions`),
  events: (user: string, cursor: string) => call<Recorded>('GET', `/users/${id(user)}/events`, { query: { cursor, limit: 50, count: 'true' } }),
  disable: (user: string, reason: string) => call<Person>('POST', `/users/${id(user)}/disable`, { body: { reason } }),
  enable: (user: string, reason: string) => call<Person>('POST', `/users/${id(user)}/enable`, { body: { reason } }),
  signOut: (user: string, reason: string) => call<undefined>('POST', `/users/${id(user)}/logout-all`, { body: { reason } }),
  endSession: (of: string, reason: string) => call<undefined>('DELETE', `/sessions/${id(of)}`, { query: { reason } }),
  setRoles: (user: string, roles: string[], reason: string) => call<Person>('PUT', `/users/${id(user)}/roles`, { body: { roles, reason } }),
  setMetadata: (user: string, metadata: unknown, reason: string) =>
    call<Person>('PUT', `/users/${id(user)}/metadata`, { body: { metadata, reason } }),
  merge: (user: string, from: string, reason: string) => call<unknown>('POST', `/users/${id(user)}/merge`, { body: { from, reason } }),
  remove: (user: string, reason: string) => call<undefined>('DELETE', `/users/${id(user)}`, { query: { reason } }),
  stats: () => call<Stats>('GET', '/stats'),
}
