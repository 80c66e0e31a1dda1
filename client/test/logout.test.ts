/** The row of the case table (docs/en/client.md) about logging out. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Device, LOGIN, LOGOUT, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { drained, freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

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

  it('during a refresh: it is taken off the wire, waiting requests reject, and the session is revoked', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    const waiting = [1, 2, 3].map(() => watched(client.get('/a')))
    await pass(60)
    const token = watched(client.refresh())
    await pass(20)
    expect(client.getSession().state).toBe('renewing')
    void client.logout()
    expect(device.onWire.auth).toBe(0)
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
    await drained()
    for (const one of waiting) expect(one.now).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'logged_out' } })
    expect(token.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    await runOut()
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(service.to(LOGOUT)).toHaveLength(1)
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
