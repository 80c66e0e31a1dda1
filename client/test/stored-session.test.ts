/** The stored session: emptied storages, other services, and the lock around it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import { BASE, Device, LOGIN, LOGOUT, REFRESH, type SharedStorage } from './support/device'
import { Service } from './support/service'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('emptied storage', () => {
  function tabs() {
    const service = new Service()
    const storage: SharedStorage = { values: new Map(), watchers: [] }
    const open = (user: string) => {
      const device = new Device(service, storage)
      device.user = user
      return scene({ host: device.asTab(), getCode: () => service.newCode(device.user) }, device)
    }
    return { service, storage, open }
  }

  it('by another tab, and another person signs in there: this tab does not turn them into the first', async () => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    await outcome(one.client.refresh())
    await outcome(one.client.refresh())
    // The other tab clears, reloads, and bob signs in.
    new Device(service, storage).clearStorage()
    const two = open('bob')
    await outcome(two.client.login())
    await outcome(one.client.get('/a'))
    await outcome(one.client.refresh())
    expect(one.client.getSession().user?.id).toBe('bob')
    expect(two.client.getSession().user?.id).toBe('bob')
    expect(JSON.parse(storage.values.get('wugan')!)).toMatchObject({ user: { id: 'bob' } })
  })

  it.each(['an event', 'nothing, since the tab was frozen'])('is a logout here, of which it hears by %s', async (how) => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    service.script('/slow', { kind: 'hang' })
    const slow = watched(one.client.get('/slow'))
    await pass(10)
    if (how !== 'an event') storage.watchers.length = 0
    new Device(service, storage).clearStorage()
    await pass(10)
    one.device.show()
    await pass(10)
    expect(one.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(slow.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(one.types()).toEqual(['loggedIn', 'loggedOut'])
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(await outcome(one.client.login())).toMatchObject({ ok: true })
  })

  it('a removed key, or one that holds something else, is the same; a renewal finds it at the latest', async () => {
    for (const text of [undefined, '', 'nonsense']) {
      const { storage, open } = tabs()
      const one = open('alice')
      await outcome(one.client.get('/a'))
      if (text === undefined) storage.values.delete('wugan')
      else storage.values.set('wugan', text)
      expect(await outcome(one.client.refresh())).toMatchObject({ ok: false, error: { code: 'logged_out' } })
      expect(one.client.getSession().state).toBe('loggedOut')
      expect(storage.values.get('wugan')).toBe(text)
    }
  })

  it('memory never overwrites the session of another person because it was written more often', async () => {
    const { service, storage, open } = tabs()
    const one = open('alice')
    await outcome(one.client.get('/a'))
    for (let n = 0; n < 5; n++) await outcome(one.client.refresh())
    storage.watchers.length = 0
    storage.values.clear()
    const two = open('bob')
    await outcome(two.client.login())
    service.expireAccess()
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'user_changed' } })
    expect(one.client.getSession().user?.id).toBe('bob')
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: true, value: { data: { user: 'bob' } } })
  })

  it('in a mini program, whose storage nobody else empties, costs a silent login, and nobody notices', async () => {
    const { client, device, service, types } = await loggedIn()
    device.storage.values.clear()
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(1)
    expect(types()).toEqual(['loggedIn'])
  })

  it('whoever logged out stays logged out, though the app empties the storage then', async () => {
    const { client, device, service } = await loggedIn()
    const done = client.logout()
    device.storage.values.clear()
    await outcome(done)
    const restarted = scene({}, new Device(service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
    device.storage.values.clear()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(scene({}, new Device(service, device.storage)).client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it('a storage that keeps nothing, or hands out objects, is not taken for an emptied one', async () => {
    for (const read of [() => '', (text?: string) => (text ? (JSON.parse(text) as unknown) : '')]) {
      const device = new Device()
      const { client, service, types } = scene({ host: { ...device.host, getStorageSync: (key) => read(device.storage.values.get(key)) } , deviceId: 'd' }, device)
      await outcome(client.get('/a'))
      service.expireAccess()
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
      expect(service.to(LOGIN)).toHaveLength(1)
      expect(types()).toEqual(['loggedIn', 'refreshed'])
    }
  })
})

describe('a stored session belongs to its service', () => {
  it('a build for another address does not send it there', async () => {
    const { device, service } = await loggedIn()
    const test = new Device(new Service(), device.storage)
    const other = createClient({ host: test.host, baseURL: 'https://test.example.com' })
    expect(other.getSession()).toEqual({ state: 'anonymous' })
    await outcome(other.get('/a'))
    expect(test.sent.map(({ header }) => header.Authorization ?? '').join('')).not.toContain(service.calls[0]?.token ?? 'at.s2')
    expect(test.sent[0]!.url).toBe('https://test.example.com' + LOGIN)
  })

  it('a slash at the end is no other address', async () => {
    const { device, service } = await loggedIn()
    const again = scene({ baseURL: BASE + '/' }, new Device(service, device.storage))
    expect(again.client.getSession().state).toBe('authenticated')
  })

  it.each(['?x=1', '#top', '/', '/?x=1'])('the own paths stay own paths with %s', async (tail) => {
    const { client, service } = await loggedIn()
    for (const path of [LOGIN, REFRESH, LOGOUT]) await outcome(client.post(path + tail, {}))
    expect(service.calls.map((call) => call.token)).toEqual(['', '', ''])
  })
})

describe('a withLock', () => {
  it('that never grants ends in a NetworkError, and one that throws or rejects, too', async () => {
    for (const withLock of [
      () => new Promise<never>(() => undefined),
      () => { throw new Error('mine') },
      () => Promise.reject(new Error('mine')),
      () => undefined as never,
    ]) {
      const device = new Device()
      const { client } = scene({ host: { ...device.host, withLock } }, device)
      const began = Date.now()
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'lock', retryable: true } })
      expect(Date.now() - began).toBeLessThanOrEqual(11000)
      expect(device.sent).toHaveLength(0)
    }
  })

  it('that grants too late does no work, and one that never lets go harms nobody', async () => {
    const device = new Device()
    const late = scene({ host: { ...device.host, withLock: (_, __, work) => new Promise((resolve) => setTimeout(resolve, 20000)).then(work) } }, device)
    expect(await outcome(late.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'lock' } })
    expect(device.sent).toHaveLength(0)
    const stuck = scene({ host: { ...device.host, withLock: (_, __, work) => { void work(); return new Promise(() => undefined) } } }, device)
    expect(await outcome(stuck.client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })
})
