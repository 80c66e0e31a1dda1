/** The rows of the case table (docs/en/client.md) about 401s, refreshing, and what goes wrong meanwhile. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LOGIN, LOGOUT, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

const DAY = 86400000

describe('401', () => {
  it('five requests at once with an expired token: one refresh, five answers', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const all = await outcome(Promise.all([1, 2, 3, 4, 5].map(() => client.get('/a'))))
    expect(all).toMatchObject({ ok: true, value: [1, 2, 3, 4, 5].map(() => ({ statusCode: 200 })) })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGIN)).toHaveLength(0)
    expect(service.to('/a')).toHaveLength(10)
  })

  it('of a token that is no longer the present one: sent again, no refresh', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    let slow = 400
    device.latency = () => (slow > 0 ? slow : 25)
    const late = watched(client.get('/late'))
    await pass(1)
    slow = 0
    await outcome(client.get('/quick'))
    expect(late.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to('/late')).toHaveLength(2)
  })

  it('starts a refresh whatever the local clock says', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    vi.setSystemTime(Date.now() - 30 * DAY)
    service.accessTtl = 60 * 86400
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('puts the same body on the wire again', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    const request = vi.spyOn(device.host, 'request')
    await outcome(client.post('/orders', { tea: 2 }, { header: { 'x-trace': '7' } }))
    const sent = request.mock.calls.map(([options]) => options as { url: string; data: unknown; header: Record<string, string> }).filter((one) => one.url.endsWith('/orders'))
    expect(sent).toHaveLength(2)
    for (const one of sent) expect(one).toMatchObject({ method: 'POST', data: { tea: 2 }, header: { 'x-trace': '7' } })
    expect(sent[0]?.header.Authorization).not.toBe(sent[1]?.header.Authorization)
  })
})

describe('a second 401 for the same request', () => {
  it('is handed to the caller as AuthError, and the session is kept', async () => {
    const { client, service, types } = await loggedIn()
    service.refusesAll = true
    expect(await outcome(client.get('/a'))).toMatchObject({
      ok: false, error: { name: 'AuthError', code: 'unauthorized', status: 401, retryable: false, response: { data: { code: 'token_invalid' } } },
    })
    expect(service.to('/a')).toHaveLength(2)
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(client.getSession().state).toBe('authenticated')
    expect(types()).toEqual(['refreshed'])
  })

  it('ten requests against a service that refuses all end with one refresh', async () => {
    const { client, service } = await loggedIn({ maxConcurrent: 10 })
    service.refusesAll = true
    const all = Array.from({ length: 10 }, () => watched(client.get('/a')))
    await runOut(200)
    for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })
})

describe('a refresh that answers with the refused token again', () => {
  it('is one refresh, and the second 401 is the end of it', async () => {
    const { client, service, device } = await loggedIn()
    const held = JSON.parse(device.storage.values.get('wugan')!) as { accessToken: string; refreshToken: string }
    const same = { kind: 'answer', status: 200, body: { ...held, expiresIn: 14400, refreshExpiresIn: 604800 } } as const
    service.script(REFRESH, ...Array.from({ length: 60 }, () => same))
    service.refusesAll = true
    expect(await outcome(client.get('/a'), 200)).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'unauthorized' } })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to('/a')).toHaveLength(2)
  })

  it('so is a login that does', async () => {
    const { client, service, device } = await loggedIn()
    const held = JSON.parse(device.storage.values.get('wugan')!) as object
    service.revokeAll()
    service.script(LOGIN, ...Array.from({ length: 60 }, () => ({ kind: 'answer', status: 200, body: held }) as const))
    expect(await outcome(client.get('/a'), 200)).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'unauthorized' } })
    expect(service.to(LOGIN)).toHaveLength(1)
  })
})

describe('401 for other reasons', () => {
  it('403 is never taken for it', async () => {
    const { client, service } = await loggedIn()
    expect(await outcome(client.get('/forbidden'))).toMatchObject({ ok: true, value: { statusCode: 403 } })
    expect(service.to(REFRESH)).toHaveLength(0)
  })

  it('a request without our token keeps its 401', async () => {
    const { client, service } = await loggedIn()
    expect(await outcome(client.request({ url: '/a', auth: false }))).toMatchObject({ ok: true, value: { statusCode: 401 } })
    expect(service.to(REFRESH)).toHaveLength(0)
    expect(service.calls[0]?.token).toBe('')
  })

  it('login, refresh and logout are left out', async () => {
    const { client, service } = await loggedIn()
    expect(await outcome(client.post(LOGIN, { code: 'x' }))).toMatchObject({ ok: true, value: { statusCode: 400 } })
    expect(await outcome(client.post(REFRESH, { refreshToken: 'x' }))).toMatchObject({ ok: true, value: { statusCode: 401 } })
    expect(await outcome(client.post(LOGOUT, { refreshToken: 'x' }))).toMatchObject({ ok: true, value: { statusCode: 204 } })
    expect(service.calls.map((call) => call.token)).toEqual(['', '', ''])
  })

  it('isAuthError decides: a 401 of another kind can be let through', async () => {
    const { client, service } = await loggedIn({ isAuthError: (r: { data: unknown }) => (r.data as { code?: string }).code === 'token_expired' })
    service.script('/a', problem(401, 'second_factor_needed'))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 401 } })
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('a body code on a 200 can be chosen', async () => {
    const { client, service } = await loggedIn({ isAuthError: (r: { data: unknown }) => (r.data as { code?: number }).code === 40101 })
    service.script('/a', { kind: 'answer', status: 200, body: { code: 40101 } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'alice' } } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })
})

describe('refresh refused for good, or too old', () => {
  it('both tokens refused, five requests: one silent login, five answers', async () => {
    const { client, service, device } = await loggedIn()
    service.revokeAll()
    const all = await outcome(Promise.all([1, 2, 3, 4, 5].map(() => client.get('/a'))))
    expect(all).toMatchObject({ ok: true, value: [1, 2, 3, 4, 5].map(() => ({ statusCode: 200 })) })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGIN)).toHaveLength(1)
    expect(device.logins).toBe(2)
  })

  it.each(['refresh_invalid', 'refresh_expired', 'refresh_reused', 'session_revoked'])('401 %s leads to a silent login', async (code) => {
    const { client, service, types } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, problem(401, code))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(types()).toEqual(['loggedIn'])
  })

  it('a 401 without a code is a refusal too: it is what the status says', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'answer', status: 401, body: '' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('a refresh token that is too old by this device\'s clock is presented all the same: the service knows better', async () => {
    const { client, service } = await loggedIn()
    await pass(8 * DAY)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('where there is no silent login, a refresh token that seems too old is presented all the same: the clock may be wrong', async () => {
    const made = await loggedIn()
    const again = scene({ host: { ...made.device.host, login: undefined } }, made.device)
    vi.setSystemTime(Date.now() + 6 * DAY)
    made.service.refreshTtl = 30 * 86400
    await outcome(again.client.refresh())
    vi.setSystemTime(Date.now() + 31 * DAY)
    made.service.calls.length = 0
    expect(await outcome(again.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'login_required' } })
    expect(made.service.to(REFRESH)).toHaveLength(1)
  })

  it('a refused refresh token is not presented twice, even when the login after it fails', async () => {
    const { client, service, device } = await loggedIn()
    service.revokeAll()
    device.loginScript.push('fail', 'fail', 'fail')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { retryable: true } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(service.to(REFRESH)).toHaveLength(1)
  })
})

describe('network error, timeout, 5xx or 429 in a refresh', () => {
  const troubles = [
    ['a network error', { kind: 'fail' }],
    ['a lost answer', { kind: 'lost' }],
    ['a 503', problem(503, 'database_unavailable')],
    ['a 500', problem(500, 'internal')],
    ['a 429', problem(429, 'rate_limited')],
    ['a page of a proxy', { kind: 'answer', status: 502, body: '<html>' }],
  ] as const

  it.each(troubles)('%s: again after 0.3 s and 0.9 s, and nobody notices', async (_, trouble) => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, trouble, trouble)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    const times = device.sent.filter((one) => one.url.endsWith(REFRESH)).length
    expect(times).toBe(3)
    expect(service.to(LOGIN)).toHaveLength(0)
  })

  it.each(troubles)('%s three times: waiting requests reject as retryable, tokens are kept, no wx.login', async (_, trouble) => {
    const { client, service, device, types } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, trouble, trouble, trouble)
    const all = [1, 2, 3].map(() => watched(client.get('/a')))
    await runOut()
    for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(device.logins).toBe(1)
    expect(types()).toEqual(['refreshFailed'])
    expect(client.getSession().state).toBe('authenticated')
    // The server is back: nothing was lost, a lost answer included.
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(0)
  })

  it('waits between the tries as it says', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    const times: number[] = []
    const request = device.host.request
    device.host.request = (options: { url: string }) => {
      if (options.url.endsWith(REFRESH)) times.push(Date.now())
      return request(options)
    }
    await outcome(client.get('/a'))
    expect([times[1]! - times[0]!, times[2]! - times[1]!]).toEqual([325, 925])
  })

  it.each([[0, 225, 675], [1, 375, 1125]])('jitter of %d', async (random, first, second) => {
    const { client, service } = await loggedIn({ random: () => random })
    service.expireAccess()
    const trouble = problem(503, 'x')
    service.script(REFRESH, trouble, trouble, trouble)
    await outcome(client.get('/a'))
    const times = service.to(REFRESH).map((call) => call.at)
    expect([times[1]! - times[0]!, times[2]! - times[1]!]).toEqual([first + 50, second + 50])
  })

  it.each([
    ['seconds', '2'],
    ['a date', 'Thu, 01 Jan 2026 00:00:02 GMT'],
  ])('Retry-After in %s is honoured', async (_, value) => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, problem(503, 'database_unavailable', { 'retry-after': value }))
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeGreaterThanOrEqual(1900)
    expect(Date.now() - began).toBeLessThan(2500)
  })

  it('a Retry-After beyond the 15 s ends the tries, and nobody asks before it is over', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, problem(429, 'rate_limited', { 'Retry-After': '40' }))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { retryable: true, retryAfter: 40000, code: 'rate_limited' } })
    await pass(30000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { retryable: true } })
    expect(service.to(REFRESH)).toHaveLength(1)
    await pass(10000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a Retry-After of an hour is believed for a minute', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, problem(503, 'database_unavailable', { 'Retry-After': '3600' }))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false })
    await pass(60000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('an app that slept in the middle of a refresh goes on when it wakes', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'hang' })
    const request = watched(client.get('/a'))
    await pass(1000)
    vi.setSystemTime(Date.now() + 3 * 3600000)
    await runOut()
    expect(request.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})
