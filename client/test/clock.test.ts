/** The rows of the case table (docs/en/client.md) about time: refreshing ahead of it, days away, clocks that are wrong. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LOGIN, REFRESH } from './support/device'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

const DAY = 86400000

describe('a refresh ahead of time', () => {
  it('starts in the last minute, and the request does not wait for it', async () => {
    const { client, service } = await loggedIn()
    await pass((14400 - 62) * 1000)
    await outcome(client.get('/a'))
    expect(service.to(REFRESH)).toHaveLength(0)
    await pass(3000)
    const began = Date.now()
    const request = watched(client.get('/a'))
    await pass(60)
    expect(request.now).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeLessThanOrEqual(60)
    await runOut()
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('starts in the last tenth of a short life', async () => {
    const { client, service } = await loggedIn()
    service.accessTtl = 100
    await outcome(client.refresh())
    await pass(89000)
    await outcome(client.get('/a'))
    expect(service.to(REFRESH)).toHaveLength(1)
    await pass(1500)
    await outcome(client.get('/a'))
    expect(service.to(REFRESH)).toHaveLength(2)
  })

  it('fails while the access token is good: the request is sent all the same', async () => {
    const { client, service } = await loggedIn()
    await pass((14400 - 50) * 1000)
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    await pass(3000)
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('is not started again within 3 s of a failure', async () => {
    const { client, service, device } = await loggedIn()
    await pass((14400 - 50) * 1000)
    service.script(REFRESH, ...Array.from({ length: 9 }, () => ({ kind: 'fail' }) as const))
    await outcome(client.get('/a'))
    const tries = () => device.sent.filter((one) => one.url.endsWith(REFRESH)).length
    expect(tries()).toBe(3)
    await outcome(client.get('/a'))
    expect(tries()).toBe(3)
  })
})

describe('back after days', () => {
  it('the app show renews what ran out meanwhile', async () => {
    const { client, service, device } = await loggedIn()
    await pass(3 * DAY)
    device.show()
    await runOut()
    expect(service.to(REFRESH)).toHaveLength(1)
    await outcome(client.get('/a'))
    expect(service.calls).toHaveLength(2)
  })

  it('the app show does nothing while the token is good, or nobody is logged in', async () => {
    const fresh = scene()
    fresh.device.show()
    await runOut()
    expect(fresh.device.sent).toHaveLength(0)
    const { service, device } = await loggedIn()
    device.show()
    await runOut()
    expect(service.calls).toHaveLength(0)
  })

  it('a request does the same without an app show, before it is sent', async () => {
    const { client, service } = await loggedIn()
    await pass(3 * DAY)
    await outcome(client.get('/a'))
    expect(service.calls.map((call) => call.path)).toEqual([REFRESH, '/a'])
  })

  it('an app show without a network leaves nothing behind', async () => {
    const { client, service, device } = await loggedIn()
    await pass(3 * DAY)
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    device.show()
    await runOut()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('no timer is left when nothing is under way', async () => {
    await loggedIn()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('close stops listening', async () => {
    const { client, device } = await loggedIn()
    expect(device.listening).toBe(1)
    client.close()
    expect(device.listening).toBe(0)
  })
})

describe('clock', () => {
  it('time of receipt + expiresIn: expired by the clock means a refresh before sending', async () => {
    const { client, service } = await loggedIn()
    await pass(14401 * 1000)
    await outcome(client.get('/a'))
    expect(service.calls.map((call) => call.path)).toEqual([REFRESH, '/a'])
    expect(client.getSession()).toMatchObject({ receivedAt: expect.any(Number) as number })
  })

  it('gone backwards: unknown, the token is sent and the service decides', async () => {
    const { client, service } = await loggedIn()
    vi.setSystemTime(Date.now() - DAY)
    await outcome(client.get('/a'))
    expect(service.calls.map((call) => call.path)).toEqual(['/a'])
  })

  it('far ahead: each request still ends, with a refresh at most', async () => {
    const { client, service } = await loggedIn()
    vi.setSystemTime(Date.now() + 5 * 3600000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(service.calls.map((call) => call.path)).toEqual([REFRESH, '/a'])
  })

  it('a service that hands out tokens of no life at all causes no loop', async () => {
    const { client, service } = await loggedIn()
    service.accessTtl = 0
    service.expireAccess()
    expect(await outcome(client.get('/a'), 200)).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
  })

  it('a clock that runs so fast that every token is over at once keeps no request from being sent', async () => {
    let ticks = 0
    const { client, service } = scene({ now: () => (ticks += 1000) })
    service.accessTtl = 0.5
    expect(await outcome(client.get('/a'), 200)).toBeDefined()
    expect(service.to('/a').length).toBeGreaterThan(0)
    expect(service.to(REFRESH).length).toBeLessThan(8)
  })

  it('tokens that end while requests wait for a place are renewed, and looked at twice at most', async () => {
    const { client, service, device } = await loggedIn({ maxConcurrent: 1 })
    service.accessTtl = 1
    await outcome(client.refresh())
    service.calls.length = 0
    device.latency = (path) => (path === REFRESH ? 10 : 1000)
    const all = Array.from({ length: 6 }, () => watched(client.get('/a')))
    await runOut(400)
    for (const one of all) expect(one.now).toBeDefined()
    expect(service.to('/a').length).toBeLessThanOrEqual(12)
    expect(service.to(REFRESH).length).toBeGreaterThan(0)
  })

  it('a token that ended while a request waited for a place is renewed before it is sent', async () => {
    const { client, service, device } = await loggedIn({ maxConcurrent: 1 })
    service.accessTtl = 100
    await outcome(client.refresh())
    service.calls.length = 0
    device.latency = (path) => (path === '/long' ? 55000 : 25)
    void watched(client.get('/long', undefined, { timeout: 200000 }))
    const next = watched(client.get('/a'))
    await runOut()
    expect(next.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to('/a')).toHaveLength(1)
  })
})

describe('the clock', () => {
  it('8 days ahead: the service is asked first, and refreshes', async () => {
    const { client, service } = await loggedIn()
    const real = service as unknown as { now: () => number }
    const now = Date.now()
    real.now = () => now
    vi.setSystemTime(Date.now() + 8 * DAY)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGIN)).toHaveLength(0)
  })

  it('a callback that comes late, since the app slept, counts from the sending', async () => {
    const { client, device } = await loggedIn()
    device.latency = (path) => (path === REFRESH ? 3000 : 25)
    const sentAt = Date.now()
    const refresh = watched(client.refresh())
    await pass(5900)
    expect(refresh.now).toBeUndefined()
    await runOut()
    expect(client.getSession()).toMatchObject({ receivedAt: sentAt, expiresAt: sentAt + 14400000 })
  })

  it('tokens that ended while the app slept are renewed before they are sent', async () => {
    const { client, service, device } = await loggedIn()
    const request = device.host.request
    let late: (() => void) | undefined
    device.host.request = (options: { url: string; success: (result: unknown) => void }) =>
      request(options.url.endsWith(REFRESH) && !late ? { ...options, success: (result: unknown) => { late = () => { options.success(result) } } } : options)
    const refresh = watched(client.refresh())
    await pass(100)
    vi.setSystemTime(Date.now() + 5 * 3600000)
    late!()
    await runOut()
    expect(refresh.now).toMatchObject({ ok: true })
    service.calls.length = 0
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.calls.map((call) => call.path)).toEqual([REFRESH, '/a'])
  })
})
