/** The second part of the case table (docs/en/client.md): what callers, hosts, storages and services do at the edges. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import type { AuthEvent } from '../src/types'
import { BASE, Device, LOGIN, LOGOUT, REFRESH, type SharedStorage } from './support/device'
import { problem, Service } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

const DAY = 86400000

interface Sent { url: string; data: unknown; header: Record<string, string>; formData?: unknown }

/** What the host was given, beside the client's own calls. */
function spied(device: Device, kind: 'request' | 'uploadFile' = 'request'): () => Sent[] {
  const calls = vi.spyOn(device.host, kind as 'request').mock.calls
  return () => calls.map(([options]) => options as Sent).filter((one) => !one.url.includes('/auth/'))
}

describe('what a call hands in is copied at the call', () => {
  it('a form that is emptied afterwards is sent as it was, also nested and also after a 401', async () => {
    const { client, device, service } = await loggedIn()
    service.expireAccess()
    const sent = spied(device)
    const form = { address: 'here', lines: [{ tea: 2 }], note: Object.assign(Object.create(null) as object, { gift: true }) }
    const done = client.post('/orders', form)
    form.address = ''
    form.lines[0]!.tea = 0
    form.lines.push({ tea: 9 })
    ;(form.note).gift = false
    await outcome(done)
    expect(sent().map(({ data }) => data)).toEqual([1, 2].map(() => ({ address: 'here', lines: [{ tea: 2 }], note: { gift: true } })))
  })

  it('a query that is counted up asks for each page', async () => {
    const { client, device } = await loggedIn()
    const sent = spied(device)
    const q = { page: 1 }
    const first = client.get('/list', q)
    q.page++
    await outcome(Promise.all([first, client.get('/list', q)]))
    expect(sent().map(({ data }) => data)).toEqual([{ page: 1 }, { page: 2 }])
  })

  it('so are the header, the address, and the formData of an upload', async () => {
    const { client, device } = scene()
    const sent = spied(device)
    const uploads = spied(device, 'uploadFile')
    const options = { url: '/a', header: { 'x-step': '1' } }
    const upload = { url: '/up', filePath: 'p', name: 'f', formData: { note: 'a' } }
    const all = Promise.all([client.request(options), client.uploadFile(upload)])
    options.url = '/b'
    options.header['x-step'] = '2'
    upload.formData.note = 'b'
    await outcome(all)
    expect(sent()).toMatchObject([{ url: BASE + '/a', header: { 'x-step': '1' } }])
    expect(uploads()).toMatchObject([{ formData: { note: 'a' } }])
  })

  it('what is no plain object goes to the host as it is: bytes, dates, instances of classes', async () => {
    const { client, device } = await loggedIn()
    const sent = spied(device)
    class Money { cents = 5; toJSON() { return this.cents } }
    const data = { bytes: new ArrayBuffer(2), at: new Date(0), price: new Money(), none: null, list: [undefined, 1] }
    await outcome(client.post('/orders', data))
    const got = sent()[0]!.data as typeof data
    expect(got).toEqual(data)
    expect(got.bytes).toBe(data.bytes)
    expect(got.price).toBe(data.price)
    await outcome(client.post('/orders', data.bytes))
    expect(sent()[1]!.data).toBe(data.bytes)
  })
})

describe.each(['statusCode', 'status'] as const)('a host that delivers a refusal through fail, with %s', (name) => {
  it('a 401 is one: the token is renewed', async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(await outcome(client.get('/forbidden'))).toMatchObject({ ok: true, value: { statusCode: 403, ok: false, data: { code: 'forbidden' } } })
    service.expireAccess()
    expect(await outcome(client.uploadFile({ url: '/up', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.expireAccess()
    expect(await outcome(client.downloadFile({ url: '/file' }))).toMatchObject({ ok: true, value: { statusCode: 200, tempFilePath: 'tmp/1' } })
  })

  it('a refused refresh leads to a login, and a refused login is refused', async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.revokeAll()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(1)
    service.revokeAll()
    service.script(LOGIN, problem(403, 'user_blocked'))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_blocked', status: 403 } })
  })

  it('a fail without a status, or with 0, is trouble', async () => {
    const { device } = await loggedIn()
    for (const result of [{ errMsg: 'request:fail' }, { [name]: 0 }, { [name]: 'gone' }, undefined]) {
      const host = { ...device.host, request: ({ fail }: { fail: (result: unknown) => void }) => { fail(result) } }
      const client = createClient({ host, baseURL: BASE })
      expect(await outcome(client.get('/a', undefined, { auth: false }))).toMatchObject({ ok: false, error: { name: 'NetworkError' } })
    }
  })

  it("Retry-After is honoured there too, and a host's own timeout is called one", async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.expireAccess()
    service.script(REFRESH, problem(503, 'database_unavailable', { 'retry-after': '2' }))
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeGreaterThanOrEqual(1900)
    const host = { ...device.host, request: ({ fail }: { fail: (result: unknown) => void }) => { fail({ errMsg: 'request:fail timeout' }) } }
    expect(await outcome(createClient({ host, baseURL: BASE }).get('/a', undefined, { auth: false }))).toMatchObject({ ok: false, error: { code: 'timeout' } })
  })
})

describe('emptied storage', () => {
  function tabs() {
    const service = new Service()
    const storage: SharedStorage = { values: new Map(), watchers: [] }
    const open = (user: string) => {
      const device = new Device(service, storage)
      device.user = user
      return scene({ host: device.asTab(), getCode: () => service.newCode(device.user) }, device)
    }
    return { service, storage, open }
  }

  it('by another tab, and another person signs in there: this tab does not turn them into the first', async () => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    await outcome(one.client.refresh())
    await outcome(one.client.refresh())
    // The other tab clears, reloads, and bob signs in.
    new Device(service, storage).clearStorage()
    const two = open('bob')
    await outcome(two.client.login())
    await outcome(one.client.get('/a'))
    await outcome(one.client.refresh())
    expect(one.client.getSession().user?.id).toBe('bob')
    expect(two.client.getSession().user?.id).toBe('bob')
    expect(JSON.parse(storage.values.get('wugan')!)).toMatchObject({ user: { id: 'bob' } })
  })

  it.each(['an event', 'nothing, since the tab was frozen'])('is a logout here, of which it hears by %s', async (how) => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    service.script('/slow', { kind: 'hang' })
    const slow = watched(one.client.get('/slow'))
    await pass(10)
    if (how !== 'an event') storage.watchers.length = 0
    new Device(service, storage).clearStorage()
    await pass(10)
    one.device.show()
    await pass(10)
    expect(one.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(slow.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(one.types()).toEqual(['loggedIn', 'loggedOut'])
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(await outcome(one.client.login())).toMatchObject({ ok: true })
  })

  it('a removed key, or one that holds something else, is the same; a renewal finds it at the latest', async () => {
    for (const text of [undefined, '', 'nonsense']) {
      const { storage, open } = tabs()
      const one = open('alice')
      await outcome(one.client.get('/a'))
      if (text === undefined) storage.values.delete('wugan')
      else storage.values.set('wugan', text)
      expect(await outcome(one.client.refresh())).toMatchObject({ ok: false, error: { code: 'logged_out' } })
      expect(one.client.getSession().state).toBe('loggedOut')
      expect(storage.values.get('wugan')).toBe(text)
    }
  })

  it('memory never overwrites the session of another person because it was written more often', async () => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    for (let n = 0; n < 5; n++) await outcome(one.client.refresh())
    storage.watchers.length = 0
    storage.values.clear()
    const two = open('bob')
    await outcome(two.client.login())
    service.expireAccess()
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    expect(one.client.getSession().user?.id).toBe('bob')
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'bob' } } })
  })

  it('in a mini program, whose storage nobody else empties, costs a silent login, and nobody notices', async () => {
    const { client, device, service, types } = await loggedIn()
    device.storage.values.clear()
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(1)
    expect(types()).toEqual(['loggedIn'])
  })

  it('whoever logged out stays logged out, though the app empties the storage then', async () => {
    const { client, device, service } = await loggedIn()
    const done = client.logout()
    device.storage.values.clear()
    await outcome(done)
    const restarted = scene({}, new Device(service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
    device.storage.values.clear()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(scene({}, new Device(service, device.storage)).client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it('a storage that keeps nothing, or hands out objects, is not taken for an emptied one', async () => {
    for (const read of [() => '', (text?: string) => (text ? (JSON.parse(text) as unknown) : '')]) {
      const device = new Device()
      const { client, service, types } = scene({ host: { ...device.host, getStorageSync: (key) => read(device.storage.values.get(key)) } , deviceId: 'd' }, device)
      await outcome(client.get('/a'))
      service.expireAccess()
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
      expect(service.to(LOGIN)).toHaveLength(1)
      expect(types()).toEqual(['loggedIn', 'refreshed'])
    }
  })
})

describe('one endpoint that always says 401', () => {
  it('polled each second for a minute causes two refreshes at most, and slows no neighbour', async () => {
    const { client, service } = await loggedIn()
    service.alwaysRefuses.add('/bad')
    const slow: number[] = []
    for (let second = 0; second < 60; second++) {
      void watched(client.get('/bad'))
      const began = Date.now()
      void client.get('/good').then(() => slow.push(Date.now() - began))
      await pass(1000)
    }
    expect(service.to(REFRESH).length).toBeLessThanOrEqual(2)
    expect(slow).toHaveLength(60)
    expect(Math.max(...slow)).toBe(50)
  })

  it('and nothing else to ask: still two', async () => {
    const { client, service } = await loggedIn()
    service.alwaysRefuses.add('/bad')
    for (let second = 0; second < 60; second++) {
      expect(await outcome(client.get('/bad?n=' + String(second)))).toMatchObject({ ok: false, error: { code: 'unauthorized', status: 401, response: { data: { code: 'token_invalid' } } } })
      await pass(1000)
    }
    expect(service.to(REFRESH).length).toBeLessThanOrEqual(2)
  })

  it('while the refresh answers 503: the others go on with the token that is held', async () => {
    const { client, service } = await loggedIn()
    service.alwaysRefuses.add('/bad')
    service.script(REFRESH, ...Array.from({ length: 99 }, () => problem(503, 'database_unavailable')))
    const bad = watched(client.get('/bad'))
    for (let n = 0; n < 10; n++) {
      const good = watched(client.get('/good'))
      await pass(100)
      expect(good.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    }
    await runOut()
    expect(bad.now).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(await outcome(client.get('/good'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('a token that was let in elsewhere meanwhile, and is seconds old, is not renewed for it', async () => {
    const { client, service, device } = await loggedIn()
    service.alwaysRefuses.add('/bad')
    device.latency = (path) => (path === '/bad' ? 100 : 10)
    const bad = watched(client.get('/bad'))
    expect(await outcome(client.get('/good'))).toMatchObject({ ok: true })
    await runOut()
    expect(bad.now).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
    expect(service.to(REFRESH)).toHaveLength(0)
  })

  it('a session that really ended is found by the neighbours at once, and by that endpoint within a minute', async () => {
    const { client, service } = await loggedIn()
    service.alwaysRefuses.add('/bad')
    await outcome(client.get('/bad'))
    service.revokeAll()
    expect(await outcome(client.get('/good'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.alwaysRefuses.clear()
    service.revokeAll()
    await pass(60000)
    expect(await outcome(client.get('/bad'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})

describe('the person', () => {
  it('follows the answers of /users/me, and an event tells', async () => {
    const { client, service, events, device } = await loggedIn()
    service.profiles.set('alice', { nickname: 'Alice Liddell', phone: '138****0000' })
    await outcome(client.get('/api/v1/users/me'))
    expect(client.getSession().user).toMatchObject({ id: 'alice', nickname: 'Alice Liddell', phone: '138****0000' })
    expect(events).toMatchObject([{ type: 'userUpdated', session: { state: 'authenticated', user: { nickname: 'Alice Liddell' } } }])
    await outcome(client.get('/api/v1/users/me'))
    expect(events).toHaveLength(1)
    service.profiles.set('alice', { nickname: 'A.' })
    await outcome(client.post('/api/v1/users/me', { nickname: 'A.' }))
    expect(scene({}, new Device(service, device.storage)).client.getSession().user?.nickname).toBe('A.')
    service.profiles.set('alice', { nickname: 'B.' })
    await outcome(client.post('/api/v1/users/me/phone', { code: 'x' }))
    expect(client.getSession().user?.nickname).toBe('B.')
  })

  it("nobody else's answer does: another path, another id, another host, a refusal, a body that is none", async () => {
    const { client, service, events } = await loggedIn()
    const say = (path: string, status: number, body: unknown) => { service.script(path, { kind: 'answer', status, body }) }
    say('/users/7', 200, { id: 'alice', nickname: 'x' })
    await outcome(client.get('/users/7'))
    say('/api/v1/users/me', 200, { id: 'bob', nickname: 'x' })
    await outcome(client.get('/api/v1/users/me'))
    for (const body of [null, '', 'text', [], 5]) {
      say('/api/v1/users/me', 200, body)
      expect(await outcome(client.get('/api/v1/users/me'))).toMatchObject({ ok: true })
    }
    say('/api/v1/users/me', 500, { id: 'alice', nickname: 'x' })
    await outcome(client.get('/api/v1/users/me'))
    await outcome(client.get('https://other.example.com/api/v1/users/me', undefined, { auth: true }))
    expect(client.getSession().user).toEqual({ id: 'alice', nickname: 'alice' })
    expect(events).toEqual([])
  })

  it('can be set, and a refresh leaves it', async () => {
    const { client, types } = await loggedIn()
    client.setUser({ avatarUrl: 'https://cdn.example.com/a.png' })
    await outcome(client.refresh())
    expect(client.getSession().user).toEqual({ id: 'alice', nickname: 'alice', avatarUrl: 'https://cdn.example.com/a.png' })
    expect(types()).toEqual(['userUpdated', 'refreshed'])
    await outcome(client.logout())
    client.setUser({ nickname: 'ghost' })
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it('another tab hears of it', async () => {
    const device = new Device()
    const one = scene({ host: device.asTab() }, device)
    const other = new Device(device.service, device.storage)
    const two = scene({ host: other.asTab() }, other)
    await outcome(one.client.get('/a'))
    expect(two.client.getSession().user?.nickname).toBe('alice')
    one.client.setUser({ nickname: 'Al' })
    await runOut()
    expect(two.client.getSession().user?.nickname).toBe('Al')
    expect(two.types().at(-1)).toBe('userUpdated')
  })
})

describe('an explicit login or logout waits for nobody', () => {
  it.each(['a refresh', 'a silent login', 'wx.login', 'the lock'])('%s that hangs', async (what) => {
    const device = new Device()
    const withLock = () => new Promise<never>(() => undefined)
    const { client, service, types } = scene({ host: what === 'the lock' ? { ...device.host, withLock } : device.host }, device)
    if (what === 'a refresh') {
      await outcome(client.get('/a'))
      service.expireAccess()
      service.script(REFRESH, { kind: 'hang' })
    } else if (what === 'a silent login') service.script(LOGIN, { kind: 'hang' })
    else if (what === 'wx.login') device.loginScript.push('hang')
    const waiting = watched(client.get('/a'))
    await pass(1000)
    const began = Date.now()
    const login = watched(client.login(service.newCode('alice')))
    await pass(50)
    expect(login.now).toMatchObject({ ok: true, value: { state: 'authenticated', user: { id: 'alice' } } })
    expect(Date.now() - began).toBe(50)
    await runOut()
    expect(waiting.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(device.most.auth).toBe(1)
    expect(types().filter((type) => type !== 'loggedIn')).toEqual([])
  })

  it('a login that fails leaves those who waited for a refresh where they were', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'hang' })
    const waiting = watched(client.get('/a'))
    await pass(100)
    expect(await outcome(client.login('nonsense'))).toMatchObject({ ok: false, error: { code: 'invalid_code' } })
    expect(waiting.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(client.getSession().user?.id).toBe('alice')
  })

  it('a logout takes a refresh off the wire', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    service.script(REFRESH, { kind: 'hang' })
    const waiting = watched(client.get('/a'))
    await pass(100)
    const done = watched(client.logout())
    expect(device.onWire.auth).toBe(0)
    await pass(100)
    expect(done.now).toMatchObject({ ok: true })
    expect(waiting.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(service.to(LOGOUT)).toHaveLength(1)
  })
})

describe('time limits', () => {
  it.each(['a refresh', 'wx.login', 'the request', 'a place'])('deadline is for the whole: %s that hangs', async (what) => {
    const { client, service, device } = scene({ deadline: 5000, maxConcurrent: 1 })
    if (what !== 'wx.login') await outcome(client.get('/a'))
    else device.loginScript.push('hang')
    if (what === 'a refresh') {
      service.expireAccess()
      service.script(REFRESH, { kind: 'hang' })
    }
    if (what === 'the request') service.script('/a', { kind: 'hang' })
    if (what === 'a place') {
      service.script('/hang', { kind: 'hang' })
      void watched(client.get('/hang', undefined, { deadline: 20000 }))
      await pass(10)
    }
    const began = Date.now()
    const request = client.get('/a')
    const seen = watched(request.catch((error: unknown) => { throw Object.assign(error as Error, { at: Date.now() - began }) }))
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'timeout', retryable: true, at: 5000 } })
    expect(device.onWire.request ?? 0).toBe(0)
  })

  it('one request may have its own, and timeout stays the limit on the wire', async () => {
    const { client, service } = await loggedIn({ timeout: 1000 })
    service.expireAccess()
    service.script(REFRESH, { kind: 'hang' })
    const short = watched(client.get('/a', undefined, { deadline: 2000 }))
    const long = watched(client.get('/a'))
    await pass(2100)
    expect(short.now).toMatchObject({ ok: false, error: { code: 'timeout' } })
    expect(long.now).toBeUndefined()
    await runOut()
    expect(long.now).toMatchObject({ ok: true })
  })

  it('leaves no timer behind', async () => {
    const { client } = await loggedIn({ deadline: 5000 })
    const done = watched(client.get('/a'))
    await pass(100)
    expect(done.now).toMatchObject({ ok: true })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a disabled account', () => {
  it('ends in a state that says so, and polling does not make a login of each request', async () => {
    const { client, service, device, events } = await loggedIn()
    service.disable('alice')
    for (let second = 0; second < 60; second++) {
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_disabled' } })
      await pass(1000)
    }
    expect(client.getSession()).toEqual({ state: 'refused', reason: 'user_disabled' })
    // One before it was disabled; then after 3, 6, 12 and 24 s.
    expect(device.logins - 1).toBeLessThanOrEqual(5)
    expect(events[0]).toMatchObject({ type: 'loginFailed', error: { code: 'user_disabled' }, session: { state: 'refused', reason: 'user_disabled' } })
    const restarted = scene({}, new Device(service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'refused', reason: 'user_disabled' })
  })

  it('the pauses grow to five minutes, and an explicit login passes', async () => {
    const { client, service } = scene()
    service.disable('alice')
    for (let n = 0; n < 3600; n++) {
      void watched(client.get('/a'))
      await pass(1000)
    }
    const times = service.to(LOGIN).map((call) => call.at)
    const pauses = times.slice(1).map((at, n) => Math.round((at - times[n]!) / 1000))
    expect(pauses.slice(0, 8)).toEqual([4, 7, 13, 25, 49, 97, 193, 301])
    expect(Math.max(...pauses)).toBeLessThanOrEqual(301)
    service.disabled.clear()
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { state: 'authenticated' } })
    service.disable('alice')
    service.calls.length = 0
    await outcome(client.get('/a'))
    await pass(4000)
    await outcome(client.get('/a'))
    // After a success they begin with 3 s.
    expect(service.to(LOGIN)).toHaveLength(2)
  })

  it('and is let in again by itself once it may', async () => {
    const { client, service } = await loggedIn()
    service.disable('alice')
    await outcome(client.get('/a'))
    service.disabled.clear()
    await pass(3000)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('a login that was refused does not hold up tokens that another tab brings', async () => {
    const device = new Device()
    const one = scene({ host: { ...device.asTab(), login: undefined } }, device)
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'login_required' } })
    const other = new Device(device.service, device.storage)
    await outcome(scene({ host: other.asTab() }, other).client.login())
    device.service.expireAccess()
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})

describe('a stored session belongs to its service', () => {
  it('a build for another address does not send it there', async () => {
    const { device, service } = await loggedIn()
    const test = new Device(new Service(), device.storage)
    const other = createClient({ host: test.host, baseURL: 'https://test.example.com' })
    expect(other.getSession()).toEqual({ state: 'anonymous' })
    await outcome(other.get('/a'))
    expect(test.sent.map(({ header }) => header.Authorization ?? '').join('')).not.toContain(service.calls[0]?.token ?? 'at.s2')
    expect(test.sent[0]!.url).toBe('https://test.example.com' + LOGIN)
  })

  it('a slash at the end is no other address', async () => {
    const { device, service } = await loggedIn()
    const again = scene({ baseURL: BASE + '/' }, new Device(service, device.storage))
    expect(again.client.getSession().state).toBe('authenticated')
  })

  it.each(['?x=1', '#top', '/', '/?x=1'])('the own paths stay own paths with %s', async (tail) => {
    const { client, service } = await loggedIn()
    for (const path of [LOGIN, REFRESH, LOGOUT]) await outcome(client.post(path + tail, {}))
    expect(service.calls.map((call) => call.token)).toEqual(['', '', ''])
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

describe('the device', () => {
  it('has a random id by default, kept apart from the session, over logouts and restarts', async () => {
    const { client, device, service } = scene({ random: Math.random })
    const ids = () => vi.mocked(device.host.request).mock.calls.map(([one]) => one as Sent & { data: { deviceId?: string } }).filter((one) => one.url.endsWith(LOGIN)).map((one) => one.data.deviceId)
    vi.spyOn(device.host, 'request')
    await outcome(client.get('/a'))
    await outcome(client.logout())
    await outcome(client.login())
    const restarted = scene({ random: Math.random }, device)
    await outcome(restarted.client.logout())
    await outcome(restarted.client.login())
    expect(new Set(ids()).size).toBe(1)
    expect(ids()[0]!.length).toBeGreaterThan(12)
    const another = scene({ random: Math.random })
    vi.spyOn(another.device.host, 'request')
    await outcome(another.client.get('/a'))
    expect((vi.mocked(another.device.host.request).mock.calls[0]![0] as { data: { deviceId: string } }).data.deviceId).not.toBe(ids()[0])
    expect(service.liveSessions()).toBe(1)
  })

  it('so that silent logins take over its session instead of adding one', async () => {
    const { client, service } = await loggedIn()
    for (let n = 0; n < 3; n++) {
      service.expireAccess()
      service.script(REFRESH, problem(401, 'refresh_invalid'))
      await outcome(client.get('/a'))
    }
    expect(service.to(LOGIN)).toHaveLength(3)
    expect(service.liveSessions()).toBe(1)
  })

  it('a chosen one is used, an empty one sends none, and a broken storage costs a restart', async () => {
    for (const deviceId of ['mine', '']) {
      const { client, device } = scene({ deviceId })
      const request = vi.spyOn(device.host, 'request')
      await outcome(client.get('/a'))
      expect((request.mock.calls[0]![0] as { data: { deviceId: string } }).data.deviceId).toBe(deviceId)
      expect([...device.storage.values.keys()]).toEqual(['wugan'])
    }
    const { client, device } = scene()
    device.storageBroken = true
    const request = vi.spyOn(device.host, 'request')
    await outcome(client.login())
    await outcome(client.login())
    const sent = request.mock.calls.map(([one]) => (one as { data: { deviceId: string } }).data.deviceId)
    expect(sent[0]).toBe(sent[1])
    expect(sent[0]).not.toBe('')
  })
})

describe('a withLock', () => {
  it('that never grants ends in a NetworkError, and one that throws or rejects, too', async () => {
    for (const withLock of [
      () => new Promise<never>(() => undefined),
      () => { throw new Error('mine') },
      () => Promise.reject(new Error('mine')),
      () => undefined as never,
    ]) {
      const device = new Device()
      const { client } = scene({ host: { ...device.host, withLock } }, device)
      const began = Date.now()
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'lock', retryable: true } })
      expect(Date.now() - began).toBeLessThanOrEqual(11000)
      expect(device.sent).toHaveLength(0)
    }
  })

  it('that grants too late does no work, and one that never lets go harms nobody', async () => {
    const device = new Device()
    const late = scene({ host: { ...device.host, withLock: (_, __, work) => new Promise((resolve) => setTimeout(resolve, 20000)).then(work) } }, device)
    expect(await outcome(late.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'lock' } })
    expect(device.sent).toHaveLength(0)
    const stuck = scene({ host: { ...device.host, withLock: (_, __, work) => { void work(); return new Promise(() => undefined) } } }, device)
    expect(await outcome(stuck.client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})

describe('a refresh that was given up', () => {
  it('and is handled late, does not cost the session: nothing newer is used before it has settled', async () => {
    const { client, service, device } = await loggedIn()
    const { refreshToken } = JSON.parse(device.storage.values.get('wugan')!) as { refreshToken: string }
    service.script(REFRESH, { kind: 'hang' })
    expect(await outcome(client.refresh())).toMatchObject({ ok: true })
    for (let n = 0; n < 4; n++) {
      await pass(5000)
      expect(await outcome(client.refresh())).toMatchObject({ ok: true })
    }
    // What was given up 30 s ago is handled now.
    expect(service.handle('POST', REFRESH, {}, { refreshToken }).statusCode).toBe(200)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    await pass(60000)
    await outcome(client.refresh())
    await outcome(client.refresh())
    expect(service.reused).toBe(0)
    expect(service.to(LOGIN)).toHaveLength(0)
    // Afterwards each refresh uses the newest token again.
    const after = service.to(REFRESH).slice(-2).map((call) => call.secret)
    expect(after[0]).not.toBe(after[1])
  })

  it('holds for a restart and for the other tabs', async () => {
    const { client, service, device } = await loggedIn()
    const { refreshToken } = JSON.parse(device.storage.values.get('wugan')!) as { refreshToken: string }
    service.script(REFRESH, { kind: 'hang' })
    await outcome(client.refresh())
    const restarted = scene({}, new Device(service, device.storage))
    await outcome(restarted.client.refresh())
    await outcome(restarted.client.refresh())
    expect(service.handle('POST', REFRESH, {}, { refreshToken }).statusCode).toBe(200)
    expect(service.reused).toBe(0)
  })
})

describe('why the session ended', () => {
  it.each(['signed_out', 'operator', 'evicted', 'logged_out', 'account_closed', 'something_new'])('%s: logged out, with the reason, until a login', async (reason) => {
    const { client, service, device, events } = await loggedIn()
    service.revokeAll(reason)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'logged_out', reason } })
    expect(client.getSession()).toEqual({ state: 'loggedOut', reason })
    expect(events).toMatchObject([{ type: 'loggedOut', session: { state: 'loggedOut', reason } }])
    expect(device.logins).toBe(1)
    const restarted = scene({}, new Device(service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut', reason })
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { state: 'authenticated' } })
  })

  it.each(['replaced', 'merged', undefined])('%s: a silent login', async (reason) => {
    const { client, service, events } = await loggedIn()
    service.revokeAll(reason)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(events.map(({ type }: AuthEvent) => type)).toEqual(['loggedIn'])
  })
})
