/** Logins that are more than a code, and tokens that come by another way. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BASE, Device, LOGIN } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
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
