/** Where tokens may lie and travel, and hosts with manners of their own (docs/en/client.md). */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import type { Host, HostCall } from '../src/host'
import type { AuthEvent } from '../src/types'
import { BASE, Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { drained, freeze, outcome, pass, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('storage', () => {
  it('is one versioned JSON key, and the device beside it', async () => {
    const { device } = await loggedIn({ storageKey: 'k' })
    expect([...device.storage.values.keys()].sort()).toEqual(['k', 'k.device'])
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
    expect([...device.storage.values.keys()]).toEqual(['wugan.device'])
    const restarted = scene({}, new Device(service, device.storage))
    expect(await outcome(restarted.client.get('/a'))).toMatchObject({ ok: true })
  })

  it('a logout is a logout though nothing can be written', async () => {
    const { client, device } = await loggedIn()
    device.storageBroken = true
    await outcome(client.logout())
    expect([...device.storage.values.keys()]).toEqual(['wugan.device'])
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

  it.each(['\t//evil.example/x', '/\t/evil.example/x', '/\n//evil.example/x', '\r\n/\r/evil.example/x', '\\\t\\evil.example/x', ' //evil.example/x', '\0//evil.example/x', 'ht\ttps://evil.example/x'])(
    'nor do the characters that browsers leave out of an address lead away from it: %j', async (url) => {
      for (const baseURL of ['', '/', BASE]) {
        const { client, device } = await loggedIn({ baseURL })
        await outcome(client.get(url))
        expect(new URL(device.sent[0]!.url, BASE).origin).toBe(BASE)
      }
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

  it.each([undefined, null, {}])('a host whose request is %j is told of at once', (request) => {
    const host = { ...new Device().host, request } as object as Host
    expect(() => createClient({ host, baseURL: BASE })).toThrow('host.request is no function')
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
