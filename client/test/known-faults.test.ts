/** What known clients and recipes get wrong, each as a promise of this one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { scene } from './support/setup'
import { drained, freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

async function loggedIn(options = {}) {
  const made = scene(options)
  await outcome(made.client.get('/a'))
  made.service.calls.length = 0
  return made
}

describe('alova 3.5', () => {
  it('a refresh that fails leaves no waiting request hanging', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const down = problem(503, 'database_unavailable')
    service.script(REFRESH, down, down, down)
    const all = [1, 2, 3].map(() => watched(client.get('/a')))
    await runOut()
    for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { retryable: true } })
  })

  it('a permanent 401 does not go round', async () => {
    const { client, service } = await loggedIn()
    service.refusesAll = true
    expect(await outcome(client.get('/a'), 50)).toMatchObject({ ok: false, error: { name: 'AuthError' } })
    expect(service.calls).toHaveLength(3)
  })
})

describe('axios-auth-refresh 5', () => {
  it('of three concurrent 401s all three are sent again', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    expect(await outcome(Promise.all(['/x', '/y', '/z'].map((path) => client.get(path))))).toMatchObject({ ok: true })
    for (const path of ['/x', '/y', '/z']) expect(service.to(path).map((call) => call.token)).toHaveLength(2)
  })

  it('also when the 401s arrive one after another, while the refresh is under way and after it', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    const delays = [25, 80, 400]
    const all = delays.map((delay) => {
      device.latency = () => delay
      const seen = watched(client.get('/x'))
      return drained().then(() => seen)
    })
    const seen = [await all[0]!, await all[1]!, await all[2]!]
    device.latency = () => 25
    await runOut()
    for (const one of seen) expect(one.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })
})

describe('supertokens-website', () => {
  it('no lock is waited for without end: a tab that died with it costs 10 s', async () => {
    const device = new Device()
    const withLock = <T>(_: string, patience: number, work: () => Promise<T>): Promise<T> =>
      new Promise((resolve) => setTimeout(resolve, patience)).then(work)
    const { client } = scene({ host: { ...device.host, withLock } }, device)
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeGreaterThanOrEqual(10000)
    expect(Date.now() - began).toBeLessThan(10300)
  })
})

describe('auth0-spa-js', () => {
  it('a flight that failed is over: the next request starts another at once', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false })
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeLessThan(300)
  })
})

describe('supabase auth-js', () => {
  it('a good session is not deleted by a lost race: the tokens that another tab stored meanwhile are taken over', async () => {
    const { client, service, device } = await loggedIn()
    const other = scene({}, new Device(service, device.storage))
    service.grace = 0
    // The other tab refreshes twice without a lock and without a storage event.
    await outcome(other.client.refresh())
    await outcome(other.client.refresh())
    service.calls.length = 0
    service.expireAccess()
    await outcome(other.client.refresh())
    service.calls.length = 0
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(0)
    expect(service.reused).toBe(0)
  })

  it('nor when the refusal is already on its way', async () => {
    const { client, service, device, types } = await loggedIn()
    const other = scene({}, new Device(service, device.storage))
    other.device.latency = () => 5
    service.expireAccess()
    // The client's refresh leaves at 50 ms and is refused at 100 ms; the other tab's succeeds between the two.
    service.script(REFRESH, problem(401, 'refresh_reused'))
    const request = watched(client.get('/a'))
    await pass(60)
    void watched(other.client.refresh())
    await runOut()
    expect(request.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(types()).not.toContain('loginFailed')
    expect(device.logins).toBe(1)
  })

  it('a refresh that is refused does not take a good access token along', async () => {
    const { client, service, device } = await loggedIn()
    await pass((14400 - 30) * 1000)
    service.script(REFRESH, problem(401, 'refresh_invalid'))
    service.script(LOGIN, problem(403, 'user_blocked'))
    const upload = await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))
    expect(upload).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(client.getSession().state).toBe('authenticated')
    expect(JSON.parse(device.storage.values.get('wugan')!)).toMatchObject({ accessToken: expect.stringMatching(/^at/) as string, refreshToken: '' })
  })
})

describe('wafer2', () => {
  it('one login is shared by all who ask', async () => {
    const { client, device } = scene()
    await outcome(Promise.all([client.get('/a'), client.login(), client.getAccessToken(), client.get('/b')]))
    // The explicit login may ask for one of its own; the requests share the first.
    expect(device.logins).toBeLessThanOrEqual(2)
  })

  it('two explicit logins at once are one', async () => {
    const { client, device } = scene()
    expect(await outcome(Promise.all([client.login(), client.login(), client.get('/a')]))).toMatchObject({ ok: true })
    expect(device.logins).toBe(1)
  })

  it('a failed wx.login rejects everybody, and nobody hangs', async () => {
    const { client, device } = scene()
    device.loginScript.push('fail', 'fail', 'fail')
    const all = [client.get('/a'), client.get('/b'), client.login()].map((one) => watched(one as Promise<unknown>))
    await runOut()
    for (const one of all) expect(one.now).toBeDefined()
    expect(all[0]?.now).toMatchObject({ ok: false, error: { message: 'login failed: login:fail' } })
  })
})

describe('the blog recipes', () => {
  it('no polling: waiting requests go out the moment the refresh answers', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    device.sent.length = 0
    void watched(client.get('/a'))
    await pass(99)
    expect(device.sent.map((one) => one.url.split('/').pop())).toEqual(['a', 'refresh'])
    await pass(1)
    expect(device.sent.map((one) => one.url.split('/').pop())).toEqual(['a', 'refresh', 'a'])
    await runOut()
  })

  it('no stale cached session after a re-login: memory, storage and requests have the new one', async () => {
    const { client, device, service } = await loggedIn()
    const before = device.storage.values.get('wugan')
    device.user = 'bob'
    await outcome(client.login())
    expect(client.getSession().user?.id).toBe('bob')
    expect(device.storage.values.get('wugan')).not.toBe(before)
    expect(device.storage.values.get('wugan')).not.toContain('alice')
    service.calls.length = 0
    await outcome(client.get('/a'))
    const restarted = scene({}, new Device(service, device.storage))
    await outcome(restarted.client.get('/a'))
    expect(new Set(service.calls.map((call) => call.token)).size).toBe(1)
  })

  it('no missing catch that hangs: whatever fails, the request that came first and those that waited all settle', async () => {
    for (const path of [LOGIN, REFRESH]) {
      for (const fault of [{ kind: 'fail' }, { kind: 'hang' }, problem(500, 'internal'), { kind: 'answer', status: 200, body: null }] as const) {
        const { client, service } = await loggedIn()
        if (path === LOGIN) service.revokeAll()
        else service.expireAccess()
        service.script(path, fault, fault, fault)
        const all = [1, 2, 3].map(() => watched(client.get('/a')))
        await runOut()
        for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { retryable: true } })
      }
    }
  })
})
