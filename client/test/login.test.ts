/** The rows of the case table (docs/en/client.md) about logging in. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BASE, Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('cold start', () => {
  it('the first request starts the login and the others join it', async () => {
    const { client, service, device } = scene()
    const all = await outcome(Promise.all([1, 2, 3, 4, 5].map((n) => client.get(`/orders/${String(n)}`))))
    expect(all).toMatchObject({ ok: true, value: [1, 2, 3, 4, 5].map(() => ({ statusCode: 200, data: { user: 'alice' } })) })
    expect(device.logins).toBe(1)
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('nothing is read or sent before the first use', async () => {
    const device = new Device()
    const reads = vi.spyOn(device.host, 'getStorageSync')
    scene({}, device)
    await runOut()
    expect(reads).not.toHaveBeenCalled()
    expect(device.sent).toHaveLength(0)
  })

  it('a restart finds the session and sends at once', async () => {
    const first = scene()
    await outcome(first.client.get('/a'))
    const again = scene({}, new Device(first.service, first.device.storage))
    expect(again.client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'alice' } })
    await outcome(again.client.get('/b'))
    expect(first.service.to(LOGIN)).toHaveLength(1)
    expect(first.service.to(REFRESH)).toHaveLength(0)
  })

  it.each(['', 'nonsense', 'null', '[]', '{"v":2,"n":9,"accessToken":"x"}', '{"accessToken":"x"}'])('a storage that holds %j is as good as empty', async (text) => {
    const { client, device, service } = scene()
    device.storage.values.set('wugan', text)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.calls.map((call) => call.path)).toEqual([LOGIN, '/a'])
  })

  it('the storage is read once, and again before and after tokens are renewed: memory comes first', async () => {
    const { client, device } = scene()
    const reads = vi.spyOn(device.host, 'getStorageSync')
    await outcome(client.get('/a'))
    const before = reads.mock.calls.length
    expect(before).toBeGreaterThan(2)
    await outcome(Promise.all([client.get('/a'), client.get('/b'), client.getAccessToken()]))
    expect(reads).toHaveBeenCalledTimes(before)
  })

  it('goes through anonymous, authenticating and authenticated', async () => {
    const { client, types } = scene()
    expect(client.getSession()).toEqual({ state: 'anonymous' })
    const request = watched(client.get('/a'))
    await pass(30)
    expect(client.getSession().state).toBe('authenticating')
    await runOut()
    expect(request.now).toMatchObject({ ok: true })
    expect(client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'alice' } })
    expect(types()).toEqual(['loggedIn'])
  })

  it('sends the app and the device with the code', async () => {
    const { client, device } = scene({ appId: 'wx1', deviceId: 'd1', deviceName: 'phone' })
    const request = vi.spyOn(device.host, 'request')
    await outcome(client.get('/a'))
    expect(request.mock.calls[0]?.[0]).toMatchObject({ url: BASE + LOGIN, method: 'POST', data: { appId: 'wx1', deviceId: 'd1', deviceName: 'phone' } })
  })
})

describe('login refused', () => {
  it('all waiting requests reject, and one loginFailed event tells', async () => {
    const { client, service, events } = scene()
    service.script(LOGIN, problem(403, 'user_disabled'))
    const all = [1, 2, 3].map(() => watched(client.get('/a')))
    await runOut()
    for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_disabled', status: 403, retryable: false } })
    expect(events).toMatchObject([{ type: 'loginFailed', error: { code: 'user_disabled' } }])
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('3 s pass before the next try, and then it is made', async () => {
    const { client, service } = scene()
    service.script(LOGIN, problem(403, 'user_disabled'))
    await outcome(client.get('/a'))
    await pass(2900)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'user_disabled' } })
    expect(service.to(LOGIN)).toHaveLength(1)
    await pass(100)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(service.to(LOGIN)).toHaveLength(2)
  })

  it.each(['code_used', 'invalid_code'])('%s: one more try with a new code', async (code) => {
    const { client, service, device } = scene()
    service.script(LOGIN, problem(400, code))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(device.logins).toBe(2)
  })

  it.each(['code_used', 'invalid_code'])('%s a second time is the end of it', async (code) => {
    const { client, service, device } = scene()
    service.script(LOGIN, problem(400, code), problem(400, code))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code } })
    expect(device.logins).toBe(2)
  })

  it('a clock that is set back ends the 3 s rather than stretching them', async () => {
    const { client, service } = scene()
    service.script(LOGIN, problem(403, 'user_disabled'))
    await outcome(client.get('/a'))
    vi.setSystemTime(Date.now() - 86400000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a code that somebody has just brought does not wait for the 3 s', async () => {
    const { client, service } = scene()
    service.script(LOGIN, problem(403, 'user_disabled'))
    await outcome(client.get('/a'))
    expect(await outcome(client.login(service.newCode('bob')))).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
  })
})

describe('a login that meets trouble', () => {
  it('a failing wx.login is tried again, then rejects as retryable', async () => {
    const { client, device, events } = scene()
    device.loginScript.push('fail', 'fail', 'fail')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(device.logins).toBe(3)
    expect(events).toMatchObject([{ type: 'loginFailed' }])
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('each try takes a new code, since the first may have been spent', async () => {
    const { client, service, device } = scene()
    service.script(LOGIN, { kind: 'lost' }, { kind: 'answer', status: 503, body: {} })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(device.logins).toBe(3)
    expect(new Set(service.to(LOGIN).map((call) => call.secret)).size).toBe(3)
  })

  it('an answer that is no JSON, or half of it, is trouble and no refusal', async () => {
    const { client, service } = scene()
    service.script(LOGIN, { kind: 'answer', status: 200, body: '<html>portal</html>' }, { kind: 'answer', status: 200, body: '{"accessToken":"x' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a 4xx without a code came from something in between, and is trouble', async () => {
    const { client, service } = scene()
    service.script(LOGIN, { kind: 'answer', status: 404, body: '<html>' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a host without login and no getCode asks for an explicit login', async () => {
    const device = new Device()
    const { client, service, types } = scene({ host: { ...device.host, login: undefined } }, device)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'login_required' } })
    expect(types()).toEqual(['loginFailed'])
    expect(await outcome(client.login(service.newCode('alice')))).toMatchObject({ ok: true, value: { state: 'authenticated' } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a code that somebody brought is not replaced by the code of the device: no login as somebody else', async () => {
    const { client, service, device } = scene()
    expect(await outcome(client.login('nonsense'))).toMatchObject({ ok: false, error: { code: 'invalid_code' } })
    expect(service.to(LOGIN)).toHaveLength(1)
    service.script(LOGIN, problem(503, 'wechat_unavailable'), { kind: 'fail' })
    expect(await outcome(client.login(service.newCode('bob')))).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(device.logins).toBe(0)
  })

  it('a code that somebody brought, spent by a try whose answer was lost: the trouble is told, and no refusal', async () => {
    const { client, service, events } = scene()
    service.script(LOGIN, { kind: 'lost' })
    const code = service.newCode('bob')
    expect(await outcome(client.login(code))).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'network', retryable: true } })
    expect(service.to(LOGIN)).toHaveLength(2)
    expect(events).toMatchObject([{ type: 'loginFailed', error: { code: 'network' } }])
    // The next attempt with it gets what is true by then.
    expect(await outcome(client.login(code))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'code_used' } })
  })

  it('an answer without expiresIn: the service alone says when the token has ended', async () => {
    const { client, service } = scene()
    service.script(LOGIN, { kind: 'answer', status: 200, body: { accessToken: 'at.own', refreshToken: 'rt.own' } })
    service.script('/a', { kind: 'answer', status: 200, body: {} })
    await outcome(client.get('/a'))
    await pass(86400000)
    service.script('/a', { kind: 'answer', status: 200, body: {} })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.calls).toHaveLength(3)
  })

  it('getCode takes the place of host.login', async () => {
    const device = new Device()
    const { client } = scene({ getCode: () => device.service.newCode('carol') }, device)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'carol' } } })
    expect(device.logins).toBe(0)
  })

  it('a getCode that throws is a refusal, and says why', async () => {
    const { client } = scene({ getCode: () => { throw new Error('no cookie') } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'no_code', cause: { message: 'no cookie' } } })
  })
})

describe('an explicit login', () => {
  it('takes a refresh off the wire: who waited for that has the new token, unless it is somebody else\'s', async () => {
    const { client, service, device } = scene()
    await outcome(client.get('/a'))
    const own = watched(client.refresh())
    await pass(10)
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { user: { id: 'alice' } } })
    expect(own.now).toMatchObject({ ok: true, value: client.cachedToken() })
    const refresh = watched(client.refresh())
    await pass(10)
    device.user = 'bob'
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(refresh.now).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    expect(device.most.auth).toBe(1)
    service.calls.splice(0, 1)
    expect(service.to(LOGIN)).toHaveLength(2)
  })

  it('that is under way is joined, also after the refresh before it has landed', async () => {
    const { client, device } = scene()
    await outcome(client.get('/a'))
    void watched(client.refresh())
    const first = watched(client.login())
    await pass(60)
    const second = watched(client.login())
    await runOut()
    expect(first.now).toMatchObject({ ok: true })
    expect(second.now).toMatchObject({ ok: true })
    expect(device.logins).toBe(2)
  })

  it('with a code is not taken for another one that is under way', async () => {
    const { client, service } = scene()
    void watched(client.login(service.newCode('alice')))
    expect(await outcome(client.login(service.newCode('bob')))).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(client.getSession().user?.id).toBe('bob')
  })
})

describe('an explicit login is ended by a logout alone', () => {
  it('and not by the explicit logins of other users before it', async () => {
    const { client, service } = scene()
    await outcome(client.get('/a'))
    const all = ['bob', 'carol', 'dave'].map((user) => watched(client.login(service.newCode(user))))
    await runOut()
    for (const one of all) expect(one.now).toMatchObject({ ok: true })
    expect(client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'dave' } })
  })

  it('and not by a silent login that finds somebody else', async () => {
    const { client, service, device } = scene()
    await outcome(client.get('/a'))
    service.revokeAll()
    device.user = 'bob'
    const request = watched(client.get('/a'))
    await pass(60)
    const login = watched(client.login(service.newCode('carol')))
    await runOut()
    expect(request.now).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    expect(login.now).toMatchObject({ ok: true, value: { state: 'authenticated', user: { id: 'carol' } } })
  })

  it('which ends it on the wire and while it waits', async () => {
    const { client, service } = scene()
    await outcome(client.get('/a'))
    const all = ['bob', 'carol'].map((user) => watched(client.login(service.newCode(user))))
    await pass(30)
    void client.logout()
    await runOut()
    for (const one of all) expect(one.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(service.to(LOGIN)).toHaveLength(2)
    expect(service.liveSessions()).toBe(0)
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
  })
})

describe('hanging', () => {
  it('wx.login has 10 s of its own', async () => {
    const { client, device } = scene()
    device.loginScript.push('hang')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(device.logins).toBe(2)
  })

  it('a login that nothing answers rejects within bounds', async () => {
    const { client, service } = scene()
    service.script(LOGIN, { kind: 'hang' }, { kind: 'hang' }, { kind: 'hang' })
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'timeout', retryable: true } })
    expect(Date.now() - began).toBeLessThanOrEqual(16000)
  })

  it('a refresh that nothing answers rejects within 15 s', async () => {
    const { client, service } = scene()
    await outcome(client.get('/a'))
    service.expireAccess()
    service.script(REFRESH, { kind: 'hang' }, { kind: 'hang' }, { kind: 'hang' })
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'timeout', retryable: true } })
    expect(Date.now() - began).toBeLessThanOrEqual(15100)
  })

  it('getCode has 10 s of its own', async () => {
    const { client } = scene({ getCode: () => new Promise<string>(() => undefined) })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'timeout' } })
  })
})

describe('another user after a re-login', () => {
  it('userChanged tells, and requests of the earlier user reject', async () => {
    const { client, service, device, types } = scene()
    await outcome(client.get('/a'))
    service.script('/slow', { kind: 'hang' })
    const earlier = watched(client.get('/slow'))
    device.user = 'bob'
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(earlier.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_changed' } })
    expect(types()).toEqual(['loggedIn', 'userChanged', 'loggedIn'])
    expect(client.getSession().user?.id).toBe('bob')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'bob' } } })
  })

  it('a silent login that finds another user does the same to the requests that waited', async () => {
    const { client, service, device } = scene()
    await outcome(client.get('/a'))
    service.revokeAll()
    device.user = 'bob'
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'bob' } } })
  })

  it('a request of a cold start belongs to the user whom the login found', async () => {
    const { client, device } = scene()
    device.latency = (path) => (path === '/slow' ? 5000 : 25)
    const slow = watched(client.get('/slow'))
    await pass(1000)
    device.user = 'bob'
    await outcome(client.login())
    expect(slow.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_changed' } })
  })

  it('also while it waits for a place', async () => {
    const { client, service, device } = scene({ maxConcurrent: 1 })
    device.latency = (path) => (path === '/slow' ? 5000 : 25)
    void watched(client.get('/slow'))
    const next = watched(client.post('/next'))
    await pass(1000)
    device.user = 'bob'
    await outcome(client.login())
    expect(next.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_changed' } })
    expect(service.to('/next')).toHaveLength(0)
  })

  it('and is never sent again for somebody else', async () => {
    const { client, service, device } = scene()
    device.latency = (path) => (path === '/pay' ? 2000 : 25)
    const pay = watched(client.post('/pay', { amount: 1 }))
    await pass(500)
    service.revokeAll()
    device.user = 'bob'
    await runOut()
    expect(client.getSession().user?.id).toBe('bob')
    expect(pay.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_changed' } })
    expect(service.to('/pay')).toHaveLength(1)
  })

  it('the same user again changes nothing for the requests under way', async () => {
    const { client, types } = scene()
    await outcome(client.get('/a'))
    const request = watched(client.get('/a'))
    await outcome(client.login())
    expect(request.now).toMatchObject({ ok: true })
    expect(types()).toEqual(['loggedIn', 'loggedIn'])
  })
})
