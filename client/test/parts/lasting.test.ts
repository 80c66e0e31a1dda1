import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lasting } from '../../src/lasting'
import { Device } from '../support/device'
import { scene } from '../support/setup'
import { freeze, outcome } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

function made(files = new Map<string, string>(), device = new Device()) {
  const fs = {
    readFileSync: (path: string) => { if (!files.has(path)) throw new Error('no such file'); return files.get(path) },
    writeFileSync: (path: string, data: string) => { files.set(path, data) },
    unlinkSync: (path: string) => { if (!files.delete(path)) throw new Error('no such file') },
  }
  const host = lasting({ ...device.host, env: { USER_DATA_PATH: 'wxfile://usr' }, getFileSystemManager: () => fs })
  return { ...scene({ host }, device), files }
}

describe('lasting', () => {
  it('a logout lasts through an emptied storage and a restart, and a login ends it', async () => {
    const { client, device, files } = made()
    await outcome(client.get('/a'))
    expect(files.size).toBe(0)
    await outcome(client.logout())
    device.storage.values.clear()
    const restarted = made(files, new Device(device.service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(await outcome(restarted.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect([...files.values()].join('')).not.toMatch(/at\.|rt\./)
    await outcome(restarted.client.login())
    expect(files.size).toBe(0)
    expect(await outcome(restarted.client.get('/a'))).toMatchObject({ ok: true })
  })

  it('an emptied storage without a logout is a new start', async () => {
    const { client, device, files } = made()
    await outcome(client.get('/a'))
    device.storage.values.clear()
    expect(made(files, new Device(device.service, device.storage)).client.getSession()).toEqual({ state: 'anonymous' })
  })

  it('a host without files is left as it is', () => {
    const { host } = new Device()
    expect(lasting({ ...host, env: undefined }).getStorageSync).toBe(host.getStorageSync)
    expect(lasting({ ...host, env: { USER_DATA_PATH: 'x' }, getFileSystemManager: undefined }).setStorageSync).toBe(host.setStorageSync)
  })
})
