import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withAccount } from '../../src/account'
import type { HostCall } from '../../src/host'
import { Device, LOGIN } from '../support/device'
import { problem } from '../support/service'
import { scene } from '../support/setup'
import { freeze, outcome, pass } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

async function made() {
  const { client, device, service, events, types } = scene()
  await outcome(client.get('/a'))
  service.calls.length = 0
  events.length = 0
  const checks: boolean[] = []
  const host = { ...device.host, checkSession: ({ success, fail }: { success: () => void; fail: () => void }) => { if (checks.shift() ?? true) success(); else fail() } }
  return { client: withAccount(client, { host }), device, service, events, types, checks }
}

describe('the user', () => {
  it('is fetched and changed, and the session follows', async () => {
    const { client, service, types } = await made()
    service.profiles.set('alice', { phone: '138****0000' })
    expect(await outcome(client.fetchUser())).toMatchObject({ ok: true, value: { id: 'alice', phone: '138****0000' } })
    service.profiles.set('alice', { nickname: 'Al' })
    expect(await outcome(client.saveProfile({ nickname: 'Al' }))).toMatchObject({ ok: true, value: { nickname: 'Al' } })
    expect(service.to('/api/v1/users/me').map((call) => call.method)).toEqual(['GET', 'POST'])
    expect(client.getSession().user?.nickname).toBe('Al')
    expect(types()).toEqual(['userUpdated', 'userUpdated'])
  })

  it('a refusal rejects as an AuthError, what may pass as a NetworkError, both with the answer', async () => {
    const { client, service } = await made()
    service.script('/api/v1/users/me', problem(400, 'invalid_request'), problem(429, 'rate_limited'), problem(503, 'database_unavailable'), { kind: 'answer', status: 502, body: '<html>' })
    expect(await outcome(client.fetchUser())).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'invalid_request', status: 400, response: { data: { code: 'invalid_request' } } } })
    expect(await outcome(client.fetchUser())).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'rate_limited' } })
    expect(await outcome(client.fetchUser())).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'database_unavailable' } })
    expect(await outcome(client.fetchUser())).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'unavailable' } })
  })
})

describe('bindPhone', () => {
  it('binds the number, and the session shows it', async () => {
    const { client, service } = await made()
    service.profiles.set('alice', { phone: '138****0000' })
    expect(await outcome(client.bindPhone('p'))).toMatchObject({ ok: true, value: { phone: '138****0000' } })
    expect(client.getSession().user?.phone).toBe('138****0000')
  })

  it('a number that another user holds: that user is the one from then on, and no token stays in what the session shows', async () => {
    const { client, service, types } = await made()
    service.holders.set('p', 'bob')
    const bound = await outcome(client.bindPhone('p'))
    expect(bound).toMatchObject({ ok: true, value: { id: 'bob' } })
    expect(JSON.stringify([bound, client.getSession()])).not.toMatch(/at\.|rt\./)
    expect(client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'bob' } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'bob' } } })
    expect(types()).toEqual(['userChanged', 'loggedIn'])
    expect(service.to(LOGIN)).toHaveLength(0)
  })
})

describe('tickets', () => {
  it('hand the user over, once', async () => {
    const { client, service } = await made()
    const { value } = (await outcome(client.getTicket('web'))) as { value: { ticket: string } }
    const web = scene({}, new Device(service))
    expect(await outcome(web.client.login({ ticket: value.ticket }))).toMatchObject({ ok: true, value: { user: { id: 'alice' } } })
  })
})

describe('the end', () => {
  it('logoutAll ends every session, this one at once', async () => {
    const { client, service, types } = await made()
    await outcome(scene({ deviceId: 'another' }, new Device(service)).client.get('/a'))
    expect(service.liveSessions()).toBe(2)
    expect(await outcome(client.logoutAll())).toMatchObject({ ok: true })
    expect(service.liveSessions()).toBe(0)
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
    expect(types()).toEqual(['loggedOut'])
  })

  it('logoutAll that the service did not do rejects, and ends nothing', async () => {
    const { client, service } = await made()
    service.script('/api/v1/auth/logout-all', { kind: 'fail' })
    expect(await outcome(client.logoutAll())).toMatchObject({ ok: false, error: { retryable: true } })
    expect(client.getSession().state).toBe('authenticated')
  })

  it('closeAccount sends a new code, and the session ends; another person\'s code closes nothing', async () => {
    const { client, device, service } = await made()
    device.user = 'bob'
    expect(await outcome(client.closeAccount())).toMatchObject({ ok: false, error: { code: 'another_person', status: 403 } })
    expect(client.getSession().state).toBe('authenticated')
    device.user = 'alice'
    expect(await outcome(client.closeAccount())).toMatchObject({ ok: true })
    expect(client.getSession().state).toBe('loggedOut')
    expect(service.liveSessions()).toBe(0)
  })

  it('closeAccount without a way to a code says so, and takes one that is brought', async () => {
    const { client, service } = scene()
    await outcome(client.get('/a'))
    const bare = withAccount(client)
    expect(await outcome(bare.closeAccount())).toMatchObject({ ok: false, error: { code: 'login_required' } })
    expect(await outcome(bare.closeAccount(service.newCode('alice')))).toMatchObject({ ok: true })
  })
})

describe('decrypt', () => {
  /** WeChat encrypts with the key of the last login. */
  const data = (device: Device) => () => ({ encryptedData: 'x', iv: (JSON.parse(device.storage.values.get('wugan')!) as { refreshToken: string }).refreshToken.split('.')[1]! })

  it('asks WeChat for the data after the key was looked at', async () => {
    const { client, device, service } = await made()
    expect(await outcome(client.decrypt(data(device)))).toMatchObject({ ok: true, value: { steps: 7 } })
    expect(service.to(LOGIN)).toHaveLength(0)
  })

  it('a key that WeChat no longer has: a login first', async () => {
    const { client, device, service, checks } = await made()
    checks.push(false)
    expect(await outcome(client.decrypt(data(device)))).toMatchObject({ ok: true, value: { steps: 7 } })
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('a silent login that is due comes before the data, not after it', async () => {
    const { client, device, service } = await made()
    await pass(14401 * 1000)
    service.revokeAll()
    expect(await outcome(client.decrypt(data(device)))).toMatchObject({ ok: true, value: { steps: 7 } })
    expect(service.to(LOGIN)).toHaveLength(1)
    expect(service.to('/api/v1/wechat/decrypt')).toHaveLength(1)
  })

  it('a key that changed all the same: once more from the start, and then it is an error', async () => {
    const { client, device, service } = await made()
    service.revokeAll()
    // The token is good by the clock: the silent login comes between the data and the service.
    expect(await outcome(client.decrypt(data(device)))).toMatchObject({ ok: true, value: { steps: 7 } })
    expect(await outcome(client.decrypt(() => ({ encryptedData: 'x', iv: 'wrong' })))).toMatchObject({ ok: false, error: { code: 'decrypt_failed' } })
    expect(await outcome(client.decrypt({ encryptedData: 'x', iv: 'wrong' }))).toMatchObject({ ok: false, error: { code: 'decrypt_failed' } })
  })

  it('a WeChat that gives nothing rejects with what it said', async () => {
    const { client } = await made()
    expect(await outcome(client.decrypt(() => Promise.reject(new Error('getWeRunData:fail'))))).toMatchObject({ ok: false, error: { message: 'getWeRunData:fail' } })
  })
})

it('a host whose login fails rejects closeAccount', async () => {
  const { client } = scene()
  await outcome(client.get('/a'))
  const account = withAccount(client, { host: { login: ({ fail }: HostCall) => { fail(new Error('login:fail')) } } })
  expect(await outcome(account.closeAccount())).toMatchObject({ ok: false, error: { message: 'login:fail' } })
})
