/** `auth: 'optional'`: the token that is held or can be renewed, else none. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import { REFRESH } from './support/device'
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
