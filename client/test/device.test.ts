/** The id of the device. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

interface Sent { url: string }

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
