/** The user of the session. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Device } from './support/device'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, runOut } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('the person', () => {
  it('follows the answers of /users/me, and an event tells', async () => {
    const { client, service, events, device } = await loggedIn()
    service.profiles.set('alice', { nickname: 'Alice Liddell', phone: '138****0000' })
    await outcome(client.get('/api/v1/users/me'))
    expect(client.getSession().user).toMatchObject({ id: 'alice', nickname: 'Alice Liddell', phone: '138****0000' })
    expect(events).toMatchObject([{ type: 'userUpdated', session: { state: 'authenticated', user: { nickname: 'Alice Liddell' } } }])
    await outcome(client.get('/api/v1/users/me'))
    expect(events).toHaveLength(1)
    service.profiles.set('alice', { nickname: 'A.' })
    await outcome(client.post('/api/v1/users/me', { nickname: 'A.' }))
    expect(scene({}, new Device(service, device.storage)).client.getSession().user?.nickname).toBe('A.')
    service.profiles.set('alice', { nickname: 'B.' })
    await outcome(client.post('/api/v1/users/me/phone', { code: 'x' }))
    expect(client.getSession().user?.nickname).toBe('B.')
  })

  it("nobody else's answer does: another path, another id, another host, a refusal, a body that is none", async () => {
    const { client, service, events } = await loggedIn()
    const say = (path: string, status: number, body: unknown) => { service.script(path, { kind: 'answer', status, body }) }
    say('/users/7', 200, { id: 'alice', nickname: 'x' })
    await outcome(client.get('/users/7'))
    say('/api/v1/users/me', 200, { id: 'bob', nickname: 'x' })
    await outcome(client.get('/api/v1/users/me'))
    for (const body of [null, '', 'text', [], 5]) {
      say('/api/v1/users/me', 200, body)
      expect(await outcome(client.get('/api/v1/users/me'))).toMatchObject({ ok: true })
    }
    say('/api/v1/users/me', 500, { id: 'alice', nickname: 'x' })
    await outcome(client.get('/api/v1/users/me'))
    await outcome(client.get('https://other.example.com/api/v1/users/me', undefined, { auth: true }))
    expect(client.getSession().user).toEqual({ id: 'alice', nickname: 'alice' })
    expect(events).toEqual([])
  })

  it('can be set, and a refresh leaves it', async () => {
    const { client, types } = await loggedIn()
    client.setUser({ avatarUrl: 'https://cdn.example.com/a.png' })
    await outcome(client.refresh())
    expect(client.getSession().user).toEqual({ id: 'alice', nickname: 'alice', avatarUrl: 'https://cdn.example.com/a.png' })
    expect(types()).toEqual(['userUpdated', 'refreshed'])
    await outcome(client.logout())
    client.setUser({ nickname: 'ghost' })
    expect(client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it('another tab hears of it', async () => {
    const device = new Device()
    const one = scene({ host: device.asTab() }, device)
    const other = new Device(device.service, device.storage)
    const two = scene({ host: other.asTab() }, other)
    await outcome(one.client.get('/a'))
    expect(two.client.getSession().user?.nickname).toBe('alice')
    one.client.setUser({ nickname: 'Al' })
    await runOut()
    expect(two.client.getSession().user?.nickname).toBe('Al')
    expect(two.types().at(-1)).toBe('userUpdated')
  })
})
