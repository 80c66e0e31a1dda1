/** An explicit login or logout does not wait, and every call ends in time. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Device, LOGIN, LOGOUT, REFRESH } from './support/device'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
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
