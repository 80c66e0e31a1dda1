/**
 * Random schedules against a service that follows the rotation rule. Each seed is a small story: requests, uploads,
 * aborts, expiring and revoked tokens, faults, sleeps, logouts, logins, other and disabled users, app shows, restarts,
 * bodies changed after the call, statuses through fail, emptied storages, refreshes handled up to 30 s late. Whatever
 * happens, every promise settles, one login or refresh is on the wire at most, no token known to be old is sent,
 * and nothing goes round for ever. SEED=n runs one story, SEEDS=n so many.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import type { Client } from '../src/types'
import { BASE, Device, LOGIN, LOGOUT, REFRESH } from './support/device'
import { type Fault, problem, Service } from './support/service'
import { freeze, type Outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

/** Another service, which the same storage knows nothing of. */
const OTHER = 'https://test.example.com'

const SEEDS = Number(process.env.SEEDS ?? 2000)
const seeds = process.env.SEED === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [Number(process.env.SEED)]

/** Milliseconds for so many stories on a machine that does other things as well. */
const TIMEOUT = 60000 + seeds.length * 200

/** mulberry32: a small generator whose stories can be told again. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

interface Told {
  device: Device
  service: Service
  outcomes: { what: string; seen: { now: Outcome<unknown> | undefined } }[]
  /** Tokens sent although their successor had arrived before. */
  oldTokens: string[]
  /** What was sent with a token, in order. */
  sendings: Sending[]
  /** Bodies that went out otherwise than they were handed in, and tokens that went to another service. */
  wrong: string[]
}

/** Where a host tells the status of an answer. */
type Status = { statusCode?: number; status?: number }
type Sent = { url: string; header?: Record<string, string>; id?: string; success: (result: Status) => void; fail: (result: Status) => void }

/** A request on the wire. `id`: the index of its outcome. */
interface Sending {
  id?: string
  url: string
  token: string
  status?: number
}

/**
 * Watches what passes between client and host: what is sent and how it is answered, which tokens have been replaced, and
 * when one is sent all the same.
 */
function watchWire(device: Device, { oldTokens, sendings }: Told): void {
  const old = new Set<string>()
  let present = ''
  const { host } = device
  const write = host.setStorageSync
  host.setStorageSync = (key, value) => {
    if (key === 'wugan') {
      const { accessToken } = JSON.parse(value) as { accessToken: string }
      // The moment from which the client knows better: an answer that was delivered has yet to be read.
      if (present && present !== accessToken) old.add(present)
      present = accessToken
    }
    write(key, value)
  }
  for (const kind of ['request', 'uploadFile', 'downloadFile'] as const) {
    const send = host[kind]!
    host[kind] = (options: Sent) => {
      const { url, id } = options
      const token = (options.header?.Authorization ?? '').replace('Bearer ', '')
      if (token && old.has(token)) oldTokens.push(`${token} to ${url}`)
      const sending: Sending = { id, url, token }
      if (token) sendings.push(sending)
      const noting = (say: (result: Status) => void) => (result: Status) => {
        sending.status = result.statusCode ?? result.status
        say(result)
      }
      return send({ ...options, success: noting(options.success), fail: noting(options.fail) })
    }
  }
}

/**
 * The requests that were given up for one refusal without a reason: no request that was sent later was let in with the same
 * token, and their address has not refused a new token as well.
 */
function givenUp({ outcomes, sendings }: Told): number[] {
  const isRefused = ({ status }: Sending): boolean => status === 401
  const isStubborn = (url: string): boolean =>
    sendings.some((one, n) => one.url === url && isRefused(one) && sendings.slice(0, n).some((before) => before.id === one.id && isRefused(before)))
  return outcomes.flatMap(({ seen }, n) => {
    if (seen.now?.ok !== false || seen.now.error.code !== 'unauthorized') return []
    const last = sendings.findLastIndex(({ id }) => id === String(n))
    const { url, token } = sendings[last]!
    const isIts = sendings.slice(last).some((later) => later.token === token && later.status === 200)
    return isIts || isStubborn(url) ? [] : [n]
  })
}

async function tell(seed: number, gentle: boolean): Promise<Told> {
  const random = generator(seed)
  const chance = (share: number) => random() < share
  const upTo = (most: number) => Math.floor(random() * most)
  const service = new Service()
  service.accessTtl = [0.5, 2, 30, 14400][upTo(4)]!
  const device = new Device(service)
  device.latency = () => 1 + upTo(chance(0.1) ? 4000 : 200)
  const told: Told = { device, service, outcomes: [], oldTokens: [], sendings: [], wrong: [] }
  // A logout resets what counts as old, so that the check is made in the stories without one.
  if (gentle) watchWire(device, told)
  const make = (): Client => createClient({ host: device.host, baseURL: BASE, random, timeout: 20000 })
  let client = make()
  const wire = device.host.request
  device.host.request = (options: { url: string; data?: { n?: number } }) => {
    if (options.data?.n === 0) told.wrong.push('changed body to ' + options.url)
    return wire(options)
  }
  /** Another service's end of the wire. */
  const elsewhere = ({ url, header, success }: { url: string; header: Record<string, string>; success: (result: object) => void }) => {
    if (header.Authorization) told.wrong.push('token to ' + url)
    success({ statusCode: 200, data: '' })
  }
  const faults = (): Fault => ([
    chance(0.5) ? { kind: 'late', after: 10000 + upTo(20000) } : { kind: 'late', after: upTo(30000), fails: true },
    { kind: 'fail' }, { kind: 'lost' }, { kind: 'lost' }, problem(503, 'database_unavailable'), problem(429, 'rate_limited', { 'Retry-After': String(upTo(20)) }),
    { kind: 'answer', status: 200, body: '<html>' }, { kind: 'answer', status: 502, body: '' }, ...(gentle ? [] : [{ kind: 'hang' } as const, problem(403, 'user_disabled')]),
  ] as Fault[])[upTo(gentle ? 8 : 10)]!
  const watch = (what: string, promise: Promise<unknown>) => { told.outcomes.push({ what, seen: watched(promise) }) }

  const steps = 10 + upTo(30)
  for (let step = 0; step < steps; step++) {
    const dice = random()
    if (dice < 0.4) {
      for (let n = 1 + upTo(chance(0.1) ? 14 : 4); n > 0; n--) {
        const id = String(told.outcomes.length)
        const data = { n: 1 + upTo(9) }
        const task = chance(0.15) ? client.uploadFile({ url: '/up', filePath: 'p', name: 'f', hostOptions: { id } })
          : chance(0.1) ? client.downloadFile({ url: '/down', hostOptions: { id } })
            : client.request({ url: '/a', method: chance(0.5) ? 'GET' : 'POST', data, retry: upTo(2), auth: chance(0.1) ? 'optional' : true, ...(chance(0.1) ? { deadline: 2000 } : {}), hostOptions: { id } })
        // The caller goes on with what it handed in.
        data.n = 0
        watch('request', task)
        if (chance(0.08)) setTimeout(() => { task.abort() }, upTo(400))
      }
    } else if (dice < 0.5) service.expireAccess()
    else if (dice < 0.62) service.script([LOGIN, REFRESH, REFRESH, '/a', LOGOUT][upTo(5)]!, faults())
    else if (dice < 0.68) device.show()
    else if (dice < 0.7) device.failsWith = ([undefined, 'statusCode', 'status'] as const)[upTo(3)]
    else if (dice < 0.71) watch('elsewhere', createClient({ host: { ...device.host, request: elsewhere }, baseURL: OTHER, random }).get('/public', undefined, { auth: 'optional' }))
    else if (dice < 0.72) watch('token', client.getAccessToken())
    else if (dice < 0.76) watch('refresh', client.refresh())
    else if (dice < 0.8) await pass(upTo(40) * 1000)
    else if (gentle) await pass(upTo(1000))
    else if (dice < 0.815) device.storage.values.clear()
    else if (dice < 0.82) service.disable(['alice', 'bob'][upTo(2)]!)
    else if (dice < 0.825) service.disabled.clear()
    else if (dice < 0.83) service.revokeAll(([undefined, 'replaced', 'signed_out', 'operator'] as const)[upTo(4)])
    else if (dice < 0.86) watch('logout', client.logout())
    else if (dice < 0.89) watch('login', client.login())
    else if (dice < 0.91) device.user = ['alice', 'bob'][upTo(2)]!
    else if (dice < 0.93) device.loginScript.push((['fail', 'hang', 'empty'] as const)[upTo(3)]!)
    else if (dice < 0.95) vi.setSystemTime(Date.now() + (upTo(3) - 1) * 7200000)
    else if (dice < 0.96) device.storageBroken = !device.storageBroken
    else if (dice < 0.97) {
      // A restart: what the old one had under way is over.
      client.close()
      await runOut(5000)
      client = make()
    } else service.refusesAll = !service.refusesAll
    await pass(upTo(chance(0.3) ? 600 : 60))
  }
  service.forgetFaults()
  await runOut(5000)
  return told
}

describe('any story at all', () => {
  it(`${String(seeds.length)} seeds: every promise settles, one login or refresh is on the wire at most, nothing stays there, nothing goes round for ever`, { timeout: TIMEOUT }, async () => {
    const kinds = new Set<string>()
    for (const seed of seeds) {
      const { outcomes, device, service, wrong } = await tell(seed, false)
      expect(wrong, `seed ${String(seed)}`).toEqual([])
      const open = outcomes.filter(({ seen }) => seen.now === undefined)
      expect(open.map(({ what }) => what), `seed ${String(seed)}: open promises`).toEqual([])
      for (const { seen } of outcomes) {
        if (seen.now?.ok === false) {
          expect(['AuthError', 'NetworkError', 'CancelError'], `seed ${String(seed)}: ${String(seen.now.error.stack)}`).toContain(seen.now.error.name)
          kinds.add(seen.now.error.code ?? '')
        }
      }
      expect(Object.entries(device.onWire).filter(([, count]) => count > 0), `seed ${String(seed)}: on the wire`).toEqual([])
      // A request costs two sendings, three retries of a flight and a login at most; a loop costs hundreds.
      expect(service.calls.length, `seed ${String(seed)}: calls`).toBeLessThan(40 + outcomes.length * 9)
      expect(device.most.auth ?? 0, `seed ${String(seed)}: logins and refreshes at once`).toBeLessThanOrEqual(1)
      expect(device.most.request ?? 0, `seed ${String(seed)}: requests at once`).toBeLessThanOrEqual(9)
    }
    // The stories are worth nothing unless they come to all of these ends.
    if (seeds.length > 500) for (const code of ['aborted', 'logged_out', 'user_changed', 'unauthorized', 'timeout', 'network', 'user_disabled']) expect(kinds).toContain(code)
  })
})

describe('stories in which nobody logs out and nothing is revoked', () => {
  it(`${String(seeds.length)} seeds: no token known to be old is sent, no request is given up for one refusal, and the session is never lost`, { timeout: TIMEOUT }, async () => {
    let refreshes = 0
    for (const seed of seeds) {
      const told = await tell(seed, true)
      const { oldTokens, service, outcomes, wrong } = told
      expect(wrong, `seed ${String(seed)}`).toEqual([])
      expect(oldTokens, `seed ${String(seed)}`).toEqual([])
      expect(givenUp(told), `seed ${String(seed)}: given up for one refusal`).toEqual([])
      expect(outcomes.filter(({ seen }) => seen.now === undefined), `seed ${String(seed)}`).toEqual([])
      // The rotation rule promises it to a client that keeps one token: lost answers and repeats cost no session.
      expect(service.reused, `seed ${String(seed)}: taken for theft`).toBe(0)
      refreshes += service.to(REFRESH).length
    }
    if (seeds.length > 500) expect(refreshes).toBeGreaterThan(seeds.length)
  })
})
