/** A refresh that the client gave up, and that the service handles later. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Device, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
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

  it.each([{ kind: 'fail' }, problem(504, 'gateway_timeout')] as const)('or whose connection broke, or that a gateway answered ($kind), does not cost it either', async (fault) => {
    const { client, service, device } = await loggedIn()
    const { refreshToken } = JSON.parse(device.storage.values.get('wugan')!) as { refreshToken: string }
    service.script(REFRESH, fault)
    for (let n = 0; n < 3; n++) {
      expect(await outcome(client.refresh())).toMatchObject({ ok: true })
      await pass(5000)
    }
    expect(service.handle('POST', REFRESH, {}, { refreshToken }).statusCode).toBe(200)
    await pass(60000)
    expect(await outcome(client.refresh())).toMatchObject({ ok: true })
    expect(service.reused).toBe(0)
    expect(service.to(LOGIN)).toHaveLength(0)
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
