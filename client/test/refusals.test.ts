/** Refusals: one endpoint that always says 401, disabled accounts, and sessions that the service ended. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuthEvent } from '../src/types'
import { Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
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

  it('a token that was refused after it had been let in is renewed, though that answer comes during the request', async () => {
    const { client, service, device } = await loggedIn()
    device.latency = (path) => (path === '/slow' ? 100 : 25)
    const slow = watched(client.get('/slow'))
    await pass(110)
    // '/slow' has been handled, and is on its way back.
    service.expireAccess()
    const late = watched(client.get('/late'))
    device.latency = (path) => (path === '/late' ? 60 : 25)
    await runOut()
    expect(slow.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(late.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
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
