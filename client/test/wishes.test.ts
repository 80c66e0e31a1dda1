/** Calls and options beside the heart of the client: optional tokens, pieces, hooks, tokens from elsewhere, logins that are more than a code. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import type { AuthEvent, ClientResponse, SentRequest } from '../src/types'
import { BASE, Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe("auth: 'optional'", () => {
  const optional = { auth: 'optional' } as const

  it('sends no token where none is held, and logs nobody in', async () => {
    const { client, device, service } = scene()
    expect(await outcome(client.get('/public', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(device.logins).toBe(0)
    expect(service.calls.map(({ path, token }) => [path, token])).toEqual([['/public', '']])
  })

  it('sends the token that is held, and one that was renewed', async () => {
    const { client, service } = await loggedIn()
    expect(await outcome(client.get('/a', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.expireAccess()
    expect(await outcome(client.get('/a', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    await pass(14401 * 1000)
    expect(await outcome(client.get('/a', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(2)
  })

  it('goes without one when it cannot be renewed: no error, whatever failed', async () => {
    for (const fault of [{ kind: 'fail' }, problem(503, 'x'), problem(401, 'refresh_invalid')] as const) {
      const { client, service, device } = await loggedIn()
      device.loginScript.push('fail', 'fail', 'fail')
      service.script(REFRESH, fault, fault, fault)
      await pass(14401 * 1000)
      expect(await outcome(client.get('/public', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
      expect(service.to('/public').map((call) => call.token)).toEqual([''])
    }
  })

  it('a refusal of each token: it is asked once more without, and that answer is the answer', async () => {
    const { client, service } = await loggedIn()
    service.alwaysRefuses.add('/a')
    expect(await outcome(client.get('/a', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 401 } })
    expect(service.to('/a').map((call) => call.token !== '')).toEqual([true, true, false])
  })

  it('logged out, or in a page where wx.login fails: it is sent all the same', async () => {
    const { client } = await loggedIn()
    await outcome(client.logout())
    expect(await outcome(client.get('/public', undefined, optional))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    const single = scene()
    single.device.host.login = ({ fail }: HostCall) => { fail({ errMsg: 'login:fail single page' }) }
    expect(await outcome(single.client.get('/public', undefined, optional))).toMatchObject({ ok: true })
  })

  it('a logout while it waits for a token sends it without; one that carries a token ends with its user', async () => {
    const { client, service } = await loggedIn()
    await pass(14401 * 1000)
    service.script(REFRESH, { kind: 'hang' })
    const waiting = watched(client.get('/public', undefined, optional))
    await pass(100)
    await outcome(client.logout())
    expect(waiting.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    await outcome(client.login())
    const carrying = watched(client.get('/a', undefined, optional))
    await pass(10)
    void client.logout()
    await runOut()
    expect(carrying.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
  })
})

describe('an answer that arrives in pieces', () => {
  /** A host whose answers to /ai arrive in pieces, those of a refusal too. */
  function inPieces(device: Device, hasStatus = true) {
    const request = device.host.request
    device.host.request = (options: HostCall & { url: string }) => {
      const listeners: Record<string, (event: object) => void> = {}
      const task = request({
        ...options,
        success: (result: { statusCode: number; data: unknown }) => {
          if (options.url.endsWith('/ai')) {
            listeners.onHeadersReceived?.({ header: {}, ...(hasStatus ? { statusCode: result.statusCode } : {}) })
            for (const part of result.statusCode === 200 ? ['one', 'two'] : ['refused']) listeners.onChunkReceived?.({ data: new TextEncoder().encode(part).buffer })
          }
          options.success(result)
        },
      }) as object
      const on = (name: string) => (listener: (event: object) => void) => { listeners[name] = listener }
      return { ...task, onHeadersReceived: on('onHeadersReceived'), onChunkReceived: on('onChunkReceived') }
    }
  }

  it('hands on head and pieces, through a renewal, and none of the refusal', async () => {
    const { client, device, service } = await loggedIn()
    inPieces(device)
    service.expireAccess()
    const seen: unknown[] = []
    const task = client.post('/ai', { ask: 'tea' }, { enableChunked: true })
    task.onHeadersReceived(({ statusCode }) => seen.push(statusCode))
    task.onChunkReceived(({ data }) => seen.push(new TextDecoder().decode(data)))
    expect(await outcome(task)).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(seen).toEqual([200, 'one', 'two'])
  })

  it('a second refusal is handed on, since it is the answer', async () => {
    const { client, device, service } = await loggedIn()
    inPieces(device)
    service.alwaysRefuses.add('/ai')
    const seen: unknown[] = []
    const task = client.get('/ai', undefined, { enableChunked: true })
    task.onHeadersReceived(({ statusCode }) => seen.push(statusCode))
    expect(await outcome(task)).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
    expect(seen).toEqual([401])
  })

  it('a host whose tasks throw or know no such thing does not matter (uni-app, H5)', async () => {
    const { client, device } = await loggedIn()
    const request = device.host.request
    device.host.request = (options: HostCall) => ({ ...(request(options) as object), onHeadersReceived: () => { throw new Error('Method not implemented.') } })
    const task = client.get('/a')
    task.onChunkReceived(() => undefined)
    expect(await outcome(task)).toMatchObject({ ok: true })
  })
})

describe('hooks', () => {
  it('onRequest is shown each sending with its token, and may change it, also in its own time', async () => {
    const seen: string[] = []
    const { client, service, device } = await loggedIn({
      onRequest: (request: SentRequest) => {
        seen.push(request.url + ' ' + String(request.header.Authorization))
        return new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => { request.header['x-sign'] = 's' + String(seen.length) })
      },
    })
    seen.length = 0
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(seen).toHaveLength(2)
    expect(seen[0]).not.toBe(seen[1])
    expect(device.sent.filter((one) => one.url.endsWith('/a')).map((one) => one.header['x-sign'])).toEqual(['s1', 's2'])
  })

  it('one that throws or rejects rejects its request, and keeps no place; an abort meanwhile sends nothing', async () => {
    let broken: (() => unknown) | undefined = () => { throw new Error('mine') }
    const { client, service } = await loggedIn({ maxConcurrent: 1, onRequest: () => broken?.() }).catch(() => scene({ maxConcurrent: 1, onRequest: () => broken?.() }))
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { message: 'mine' } })
    broken = () => Promise.reject(new Error('late'))
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { message: 'late' } })
    broken = () => new Promise((resolve) => setTimeout(resolve, 1000))
    const task = client.get('/slow', undefined, { auth: false })
    const seen = watched(task)
    await pass(100)
    task.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(service.to('/slow')).toHaveLength(0)
    broken = undefined
    expect(await outcome(client.get('/public', undefined, { auth: false }))).toMatchObject({ ok: true })
  })

  it('onResponse is shown the answer, and what it gives takes its place', async () => {
    const asked: unknown[] = []
    const { client, service } = await loggedIn({
      onResponse: (response: ClientResponse<{ data?: unknown }>, request: { url: string }) => {
        asked.push([request.url, response.statusCode])
        if (response.data.data) return Promise.resolve({ ...response, data: response.data.data })
        return undefined
      },
    })
    asked.length = 0
    service.expireAccess()
    await outcome(client.get('/a'))
    service.script('/wrapped', { kind: 'answer', status: 200, body: { code: 0, data: { tea: 2 } } })
    expect(await outcome(client.get('/wrapped'))).toMatchObject({ ok: true, value: { statusCode: 200, ok: true, data: { tea: 2 } } })
    expect(asked).toEqual([['/a', 200], ['/wrapped', 200]])
  })

  it('unwrap: a back end that wraps login and refresh in {code, data}', async () => {
    const device = new Device()
    const request = device.host.request
    device.host.request = (options: HostCall & { url: string }) => request({
      ...options,
      success: (result: { data: unknown }) => { options.success(/login|refresh/.test(options.url) ? { ...result, data: JSON.stringify({ code: 0, data: result.data }) } : result) },
    })
    const { client, service } = scene({ unwrap: (body: { data: unknown }) => body.data }, device)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.revokeAll('signed_out')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out', reason: 'signed_out' } })
  })
})

describe('tokens', () => {
  it('that came by another way are taken over as a login', async () => {
    const from = await loggedIn()
    const tokens = JSON.parse(from.device.storage.values.get('wugan')!) as { accessToken: string; refreshToken: string; expiresIn: number }
    const { client, types } = scene({}, new Device(from.service))
    client.setSession({ ...tokens, user: { id: 'alice' } })
    expect(client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'alice' } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    await outcome(client.refresh())
    expect(types()).toEqual(['loggedIn', 'refreshed'])
  })

  it('of another user end the requests of the earlier one, and lead out of a logout', async () => {
    const { client, service, types } = await loggedIn()
    service.script('/slow', { kind: 'hang' })
    const slow = watched(client.get('/slow'))
    await pass(10)
    client.setSession({ accessToken: 'at.x', refreshToken: 'rt.x', expiresIn: 100, user: { id: 'bob' } })
    await pass(10)
    expect(slow.now).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    await outcome(client.logout())
    client.setSession({ accessToken: 'at.x', refreshToken: 'rt.x', expiresIn: 100, user: { id: 'bob' } })
    expect(client.getSession()).toMatchObject({ state: 'authenticated' })
    await runOut()
    expect(types()).toEqual(['userChanged', 'loggedIn', 'loggedOut', 'loggedIn'])
  })

  it('cachedToken is the one that is held, while its time is not over, and sends nothing', async () => {
    const fresh = scene()
    expect(fresh.client.cachedToken()).toBe('')
    const { client, service } = await loggedIn()
    expect(client.cachedToken()).toBe(await client.getAccessToken())
    await pass(14401 * 1000)
    expect(client.cachedToken()).toBe('')
    expect(service.calls).toHaveLength(0)
  })
})

describe('events', () => {
  it('initial comes once, first, and to who asks for it', async () => {
    const { client } = await loggedIn()
    const asked: AuthEvent[] = []
    const plain: AuthEvent[] = []
    client.onAuthStateChange((event) => asked.push(event), { initial: true })
    client.onAuthStateChange((event) => plain.push(event))
    await outcome(client.refresh())
    expect(asked.map(({ type, session }) => [type, session.state])).toEqual([['initial', 'authenticated'], ['refreshed', 'authenticated']])
    expect(plain.map(({ type }) => type)).toEqual(['refreshed'])
  })
})

describe('a login that is more than a code', () => {
  const bodies = (device: Device) => {
    const calls = vi.spyOn(device.host, 'request').mock.calls
    return () => calls.map(([one]) => one as { url: string; data: Record<string, unknown> }).filter((one) => one.url === BASE + LOGIN).map((one) => one.data)
  }

  it('sends the phone code beside a new code', async () => {
    const { client, service, device } = scene()
    const sent = bodies(device)
    const phoneCode = service.newCode('alice')
    expect(await outcome(client.login({ phoneCode }))).toMatchObject({ ok: true, value: { user: { id: 'alice' } } })
    expect(sent()).toMatchObject([{ code: expect.stringMatching(/^code:/) as string, phoneCode }])
  })

  it('a phone code that was spent by a try whose answer was lost is trouble, and no refusal; a bad one is a refusal', async () => {
    const { client, service, device } = scene()
    service.script(LOGIN, { kind: 'lost' })
    expect(await outcome(client.login({ phoneCode: service.newCode('alice') }))).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    device.logins = 0
    expect(await outcome(client.login({ phoneCode: 'nonsense' }))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'invalid_phone_code' } })
    expect(device.logins).toBe(1)
  })

  it('a ticket takes the place of a code, and is never replaced by one', async () => {
    const { client, service, device } = scene()
    const sent = bodies(device)
    expect(await outcome(client.login({ ticket: 'ticket:carol:1' }))).toMatchObject({ ok: true, value: { user: { id: 'carol' } } })
    expect(sent()[0]).toMatchObject({ ticket: 'ticket:carol:1' })
    expect(sent()[0]!.code).toBeUndefined()
    service.script(LOGIN, problem(400, 'code_used'))
    expect(await outcome(client.login({ ticket: 'ticket:dave:1' }))).toMatchObject({ ok: false, error: { code: 'code_used' } })
    expect(device.logins).toBe(0)
  })
})

describe('a client', () => {
  it('whose host has hostOptions hands them on as they are', async () => {
    const { client, device } = await loggedIn()
    const request = vi.spyOn(device.host, 'request')
    await outcome(client.get('/public', undefined, { auth: false, hostOptions: { forceHttps: 1 }, enableHttp2: true }))
    expect(request.mock.calls[0]![0]).toMatchObject({ forceHttps: 1, enableHttp2: true })
  })
})
