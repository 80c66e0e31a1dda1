/** The rows of the case table (docs/client.md) about requests themselves: logout, files, giving up, places, repeating, storage. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import type { HostCall } from '../src/hosts/wx'
import type { AuthEvent, Progress } from '../src/types'
import { BASE, Device, LOGIN, LOGOUT, REFRESH } from './support/device'
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
  made.device.sent.length = 0
  made.events.length = 0
  return made
}

describe('logout', () => {
  it('clears the storage first, revokes the session, and lasts over a restart', async () => {
    const { client, service, device, types } = await loggedIn()
    const secret = JSON.parse(device.storage.values.get('wugan')!) as { accessToken: string; refreshToken: string }
    const done = watched(client.logout())
    expect(device.storage.values.get('wugan')).not.toContain(secret.accessToken)
    expect(device.storage.values.get('wugan')).not.toContain(secret.refreshToken)
    await runOut()
    expect(done.now).toMatchObject({ ok: true })
    expect(service.to(LOGOUT)).toMatchObject([{ secret: secret.refreshToken }])
    expect(service.liveSessions()).toBe(0)
    expect(types()).toEqual(['loggedOut'])
    const restarted = scene({}, new Device(service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(await outcome(restarted.client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'logged_out' } })
    expect(restarted.device.logins).toBe(0)
  })

  it('lasts until an explicit login', async () => {
    const { client } = await loggedIn()
    await outcome(client.logout())
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(await outcome(client.getAccessToken())).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(await outcome(client.refresh())).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    const login = watched(client.login())
    const joined = watched(client.get('/a'))
    await runOut()
    expect(login.now).toMatchObject({ ok: true, value: { state: 'authenticated' } })
    expect(joined.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('during a refresh: waiting requests reject, tokens that arrive late are thrown away and revoked', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    const waiting = [1, 2, 3].map(() => watched(client.get('/a')))
    await pass(60)
    const token = watched(client.getAccessToken())
    await pass(20)
    expect(client.getSession().state).toBe('renewing')
    void client.logout()
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
    await drained()
    for (const one of waiting) expect(one.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'logged_out' } })
    expect(token.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    await runOut()
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGOUT)).toHaveLength(2)
    expect(service.liveSessions()).toBe(0)
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
    expect(device.storage.values.get('wugan')).not.toContain('at.')
  })

  it('during a login: the session that arrives late is revoked', async () => {
    const { client, service } = scene()
    const request = watched(client.get('/a'))
    await pass(60)
    void client.logout()
    await runOut()
    expect(request.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(service.to(LOGIN)).toHaveLength(1)
    expect(service.liveSessions()).toBe(0)
    expect(client.getSession().state).toBe('loggedOut')
  })

  it('while wx.login is under way: its code is not even sent', async () => {
    const { client, service } = scene()
    void watched(client.get('/a'))
    await pass(10)
    void client.logout()
    await runOut()
    expect(service.to(LOGIN)).toHaveLength(0)
  })

  it('clears the storage before it takes anything off the wire, and leaves finished requests alone', async () => {
    const { client, service, device } = await loggedIn()
    await outcome(client.get('/a'))
    service.script('/hang', { kind: 'hang' })
    void watched(client.get('/hang'))
    await pass(10)
    const stored: (string | undefined)[] = []
    device.onAbort = () => stored.push(device.storage.values.get('wugan'))
    void client.logout()
    expect(stored).toHaveLength(1)
    expect(stored[0]).not.toContain('at.')
    await runOut()
    expect(device.aborts).toBe(1)
  })

  it('during the pause between two tries: no further try', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, problem(503, 'x'))
    const request = watched(client.get('/a'))
    await pass(200)
    void client.logout()
    await runOut()
    expect(request.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('resolves when the service cannot be reached', async () => {
    const { client, service } = await loggedIn()
    service.script(LOGOUT, { kind: 'fail' })
    expect(await outcome(client.logout())).toMatchObject({ ok: true })
    expect(client.getSession().state).toBe('loggedOut')
  })

  it('takes requests on the wire along: their answers belong to nobody any more', async () => {
    const { client } = await loggedIn()
    const request = watched(client.get('/a'))
    const open = watched(client.get('/public', undefined, { auth: false }))
    await pass(10)
    void client.logout()
    await runOut()
    expect(request.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(open.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('a login right after it waits for what is under way, so that two are never on the wire', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    void watched(client.get('/a'))
    await pass(60)
    void client.logout()
    const login = watched(client.login())
    await runOut()
    expect(login.now).toMatchObject({ ok: true, value: { state: 'authenticated' } })
    expect(device.most.auth).toBe(1)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a second logout is no second event', async () => {
    const { client, types, service } = await loggedIn()
    await outcome(client.logout())
    await outcome(client.logout())
    expect(types()).toEqual(['loggedOut'])
    expect(service.to(LOGOUT)).toHaveLength(1)
  })
})

describe('upload, download', () => {
  it('take the same path: a refused token is renewed, and the file sent again', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const up = await outcome(client.uploadFile({ url: '/upload', filePath: 'tmp/photo', name: 'photo', formData: { note: 'x' } }))
    expect(up).toMatchObject({ ok: true, value: { statusCode: 200, data: '{"user":"alice"}' } })
    service.expireAccess()
    const down = await outcome(client.downloadFile({ url: '/file' }))
    expect(down).toMatchObject({ ok: true, value: { statusCode: 200, tempFilePath: 'tmp/1' } })
    expect(service.to(REFRESH)).toHaveLength(2)
  })

  it('expiry is looked at first, so that a file is not sent twice', async () => {
    const { client, service, device } = await loggedIn()
    await pass((14400 - 10) * 1000)
    // The upload arrives after the end of the token that was held when it was asked for.
    device.latency = (path) => (path === '/upload' ? 12000 : 1000)
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to('/upload')).toHaveLength(1)
  })

  it('in uploads the body is a string: isAuthError is shown what it says', async () => {
    const { client, service } = await loggedIn({ isAuthError: (r: { data: unknown }) => (r.data as { code?: number }).code === 40101 })
    service.script('/upload', { kind: 'answer', status: 200, body: { code: 40101 } })
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { data: '{"user":"alice"}' } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('the file of a failed download is dropped', async () => {
    const { client, service, device } = await loggedIn()
    service.script('/file', problem(404, 'not_found'))
    const gone = await outcome(client.downloadFile({ url: '/file' }))
    expect(gone).toMatchObject({ ok: true, value: { statusCode: 404 } })
    expect((gone as { value: object }).value).not.toHaveProperty('tempFilePath')
    expect(device.unlinked).toEqual(['tmp/1'])
    service.expireAccess()
    expect(await outcome(client.downloadFile({ url: '/file', filePath: 'user/report.pdf' }))).toMatchObject({ ok: true, value: { filePath: 'user/report.pdf' } })
    expect(device.unlinked).toEqual(['tmp/1', 'user/report.pdf'])
  })

  it('progress is told to every listener, also to one that came late', async () => {
    const { client } = await loggedIn()
    const seen: Progress[] = []
    const upload = client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' })
    upload.onProgressUpdate((progress) => seen.push(progress))
    await drained()
    upload.onProgressUpdate((progress) => seen.push(progress))
    await outcome(upload)
    expect(seen).toEqual([{ progress: 50 }, { progress: 50 }])
  })
})

describe('cancel', () => {
  it.each([0, 30, 60, 90, 120])('abort after %d ms of a cold start rejects at once', async (after) => {
    const { client, device } = scene()
    const request = client.get('/a')
    const seen = watched(request)
    await pass(after)
    request.abort()
    await drained()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError', code: 'aborted', retryable: false } })
    await runOut()
    expect(Object.values(device.onWire).every((count) => count === 0)).toBe(true)
  })

  it('a shared flight lives on', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const given = client.get('/a')
    const other = watched(client.get('/a'))
    const seen = watched(given)
    await pass(60)
    given.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(other.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('takes the request off the wire and gives its place back', async () => {
    const { client, service } = await loggedIn({ maxConcurrent: 1 })
    service.script('/hang', { kind: 'hang' })
    const hanging = client.get('/hang')
    void watched(hanging)
    const next = watched(client.get('/a'))
    await pass(200)
    expect(next.now).toBeUndefined()
    hanging.abort()
    await pass(200)
    expect(next.now).toMatchObject({ ok: true })
  })

  it('between two tries of a GET, nothing more is done', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'fail' })
    const request = client.get('/a', undefined, { retry: 3 })
    const seen = watched(request)
    await pass(100)
    request.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(service.to('/a')).toHaveLength(0)
  })

  it('of a GET that would be tried again leaves no timer behind', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'hang' })
    const request = client.get('/a', undefined, { retry: 3 })
    void watched(request)
    await pass(100)
    request.abort()
    await drained()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('after the answer it does nothing', async () => {
    const { client } = await loggedIn()
    const request = client.get('/a')
    await outcome(request)
    request.abort()
    expect(await outcome(request)).toMatchObject({ ok: true })
  })
})

describe("wx.request's limit of 10", () => {
  it('at most 9 at once, in the order of asking', async () => {
    const { client, device } = await loggedIn()
    const all = await outcome(Promise.all(Array.from({ length: 30 }, (_, n) => client.get(`/n${String(n)}`))))
    expect(all).toMatchObject({ ok: true })
    expect(device.most.request).toBe(9)
    expect(device.sent.map((one) => one.url.replace(BASE + '/n', ''))).toEqual(Array.from({ length: 30 }, (_, n) => String(n)))
  })

  it('a place is kept for login and refresh: nine requests that hang do not stop a renewal', async () => {
    const { client, service } = await loggedIn()
    service.script('/hang', ...Array.from({ length: 9 }, () => ({ kind: 'hang' }) as const))
    for (let n = 0; n < 9; n++) void watched(client.get('/hang'))
    await pass(10)
    const renewal = watched(client.refresh())
    await pass(1000)
    expect(renewal.now).toMatchObject({ ok: true })
  })

  it('those who wait for a token hold none', async () => {
    const { client, service } = await loggedIn({ maxConcurrent: 1 })
    service.expireAccess()
    service.script(REFRESH, { kind: 'fail' })
    const waiting = watched(client.get('/a'))
    await pass(100)
    const open = watched(client.get('/public', undefined, { auth: false }))
    await pass(60)
    expect(open.now).toMatchObject({ ok: true })
    await runOut()
    expect(waiting.now).toMatchObject({ ok: true })
  })

  it('a token that was replaced while a request waited for a place is not sent', async () => {
    const { client, service, device } = await loggedIn({ maxConcurrent: 1 })
    device.latency = () => 200
    const first = watched(client.get('/first'))
    const second = watched(client.get('/second'))
    await pass(1)
    device.latency = () => 25
    void watched(client.refresh())
    await runOut()
    expect(first.now).toMatchObject({ ok: true })
    expect(second.now).toMatchObject({ ok: true })
    const [one] = service.to('/first')
    const [two] = service.to('/second')
    expect(two!.token).not.toBe(one!.token)
  })
})

describe('sending again', () => {
  it('after a network error, not unless the caller asks', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(service.to('/a')).toHaveLength(1)
  })

  it('a GET, as often as the caller asks', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' }, { kind: 'fail' })
    expect(await outcome(client.get('/a', undefined, { retry: 2 }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.script('/a', { kind: 'lost' }, { kind: 'fail' })
    expect(await outcome(client.get('/a', undefined, { retry: 1 }))).toMatchObject({ ok: false })
  })

  it('never a POST', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' })
    expect(await outcome(client.post('/a', {}, { retry: 5 }))).toMatchObject({ ok: false })
    expect(service.to('/a')).toHaveLength(1)
  })

  it.each([200, 204, 302, 400, 404, 409, 429, 500, 503])('every status resolves, %d too', async (status) => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'answer', status, body: 'x' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: status } })
  })

  it('a request that nothing answers rejects after its timeout', async () => {
    const { client, service } = await loggedIn({ timeout: 5000 })
    service.script('/a', { kind: 'hang' }, { kind: 'hang' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'timeout' } })
    expect(await outcome(client.get('/a', undefined, { timeout: 100 }))).toMatchObject({ ok: false, error: { message: 'no answer within 100 ms' } })
  })
})

describe('storage', () => {
  it('is one versioned JSON key', async () => {
    const { device } = await loggedIn({ storageKey: 'k' })
    expect([...device.storage.values.keys()]).toEqual(['k'])
    expect(JSON.parse(device.storage.values.get('k')!)).toMatchObject({ v: 1, n: 1, accessToken: expect.any(String) as string, user: { id: 'alice' } })
  })

  it('a write that fails leaves memory and an event', async () => {
    const { client, device, service, types } = scene()
    device.storageBroken = true
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(types()).toEqual(['storageFailed', 'loggedIn'])
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('a write that fails leaves no older tokens behind, which a restart would replay', async () => {
    const { client, device, service } = await loggedIn()
    device.storageBroken = true
    await outcome(client.refresh())
    expect(device.storage.values.size).toBe(0)
    const restarted = scene({}, new Device(service, device.storage))
    expect(await outcome(restarted.client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a logout is a logout though nothing can be written', async () => {
    const { client, device } = await loggedIn()
    device.storageBroken = true
    await outcome(client.logout())
    expect(device.storage.values.size).toBe(0)
    expect(client.getSession().state).toBe('loggedOut')
  })

  it('a storage that throws at everything is no storage', async () => {
    const device = new Device()
    const broken = () => { throw new Error('SecurityError') }
    const client = createClient({ host: { ...device.host, getStorageSync: broken, setStorageSync: broken, removeStorageSync: broken }, baseURL: BASE })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})

describe('the token goes nowhere else', () => {
  it.each([
    ['https://api.example.com.evil.example/x', false],
    ['https://api.example.comevil/x', false],
    ['http://api.example.com/x', false],
    ['https://cdn.example.com/x', false],
    ['https://api.example.com/x', true],
    ['x', true],
    ['//evil.example/x', true],
    ['/\\evil.example/x', true],
  ])('%s: %s', async (url, carries) => {
    const { client, device } = await loggedIn()
    await outcome(client.get(url))
    expect('Authorization' in device.sent[0]!.header).toBe(carries)
    // Whatever carries the token goes to our own host.
    if (carries) expect(new URL(device.sent[0]!.url).origin).toBe(BASE)
  })

  it('another origin gets it when the request says so', async () => {
    const { client, device } = await loggedIn()
    await outcome(client.get('https://other.example.com/x', undefined, { auth: true }))
    expect(device.sent[0]?.header.Authorization).toMatch(/^Bearer at\./)
  })

  it("with the page's own origin as base, a leading // stays on it", async () => {
    const { client, device } = await loggedIn({ baseURL: '' })
    device.sent.length = 0
    await outcome(client.get('//evil.example/x'))
    expect(device.sent[0]?.url).toBe('/evil.example/x')
    await outcome(client.get('https://evil.example/x'))
    expect(device.sent[1]?.header).toEqual({})
  })

  it('attach puts it elsewhere', async () => {
    const { client, device } = await loggedIn({ attach: (header: Record<string, string>, token: string) => { header['X-Token'] = token } })
    await outcome(client.get('/public'))
    expect(device.sent[0]?.header['X-Token']).toMatch(/^at\./)
    expect(device.sent[0]?.header).not.toHaveProperty('Authorization')
  })

  it('an attach that throws rejects its request and keeps no place', async () => {
    let broken = true
    const { client } = scene({ maxConcurrent: 1, attach: (header: Record<string, string>, token: string) => {
      if (broken) throw new Error('mine')
      header.Authorization = 'Bearer ' + token
    } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { message: 'mine' } })
    broken = false
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('no error and no event ever holds a token or a code', async () => {
    const { client, service, device, events } = scene()
    const errors: unknown[] = []
    const keep = async (promise: Promise<unknown>) => { const seen = await outcome(promise); if (seen && !seen.ok) errors.push(seen.error) }
    service.script(LOGIN, problem(400, 'invalid_code'), problem(403, 'user_blocked'))
    await keep(client.get('/a'))
    await pass(4000)
    await outcome(client.get('/a'))
    service.script('/a', { kind: 'fail' })
    await keep(client.get('/a'))
    service.expireAccess()
    // A service of another form: its answers hold tokens that this client does not know as such.
    const foreign = { kind: 'answer', status: 200, body: { access_token: 'at.leak', refresh_token: 'rt.leak' } } as const
    service.script(REFRESH, foreign, foreign, foreign)
    await keep(client.get('/a'))
    service.refusesAll = true
    await keep(client.get('/a'))
    device.storageBroken = true
    await outcome(client.logout())
    expect(errors).toHaveLength(4)
    const text = [...errors, ...events].map((one) => JSON.stringify(one) + String((one as Error).stack) + JSON.stringify(Object.assign({}, (one as AuthEvent).error))).join('\n')
    expect(text).not.toMatch(/at\.|rt\.|code:/)
  })
})

describe('hosts with manners of their own', () => {
  it('a host that also returns a rejecting promise (Taro, uni) leaves no unhandled rejection', async () => {
    const device = new Device()
    const unhandled: unknown[] = []
    const listen = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', listen)
    const request = (options: HostCall) => {
      options.fail({ errMsg: 'request:fail' })
      return Promise.reject(new Error('request:fail'))
    }
    const client = createClient({ host: { ...device.host, request }, baseURL: BASE })
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { message: 'request failed: request:fail' } })
    await drained()
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })

  it('a host that throws rejects the request', async () => {
    const device = new Device()
    const client = createClient({ host: { ...device.host, request: () => { throw new Error('bad url') } }, baseURL: BASE })
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { name: 'NetworkError' } })
  })

  it('a host that stays silent after an abort still gives the place back', async () => {
    const device = new Device()
    const client = createClient({ host: { ...device.host, request: () => ({ abort: () => undefined }) }, baseURL: BASE, maxConcurrent: 1 })
    const first = client.get('/x', undefined, { auth: false })
    void watched(first)
    await drained()
    first.abort()
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { code: 'timeout' } })
  })

  it("a listener's mistake stops neither the others nor the client", async () => {
    const { client, types } = scene()
    const unhandled: unknown[] = []
    const listen = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', listen)
    const stop = client.onAuthStateChange(() => { throw new Error('mine') })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    stop()
    await outcome(client.refresh())
    await drained()
    process.off('unhandledRejection', listen)
    expect(types()).toEqual(['loggedIn', 'refreshed'])
    expect(unhandled).toMatchObject([{ message: 'mine' }])
  })
})

describe('getAccessToken and refresh, for other libraries', () => {
  it('refresh with a token that is no longer the present one makes no call', async () => {
    const { client, service } = await loggedIn()
    const old = await client.getAccessToken()
    const renewed = (await outcome(client.refresh(old))) as { value: string }
    expect(renewed.value).not.toBe(old)
    expect(await outcome(client.refresh(old))).toMatchObject({ ok: true, value: renewed.value })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('many at once share one refresh', async () => {
    const { client, service } = await loggedIn()
    const old = await client.getAccessToken()
    const all = (await outcome(Promise.all([1, 2, 3].map(() => client.refresh(old))))) as { value: string[] }
    expect(new Set(all.value).size).toBe(1)
    expect(service.to(REFRESH)).toHaveLength(1)
  })
})
