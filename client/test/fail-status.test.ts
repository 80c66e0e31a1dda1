/** Hosts that deliver the status of a response through `fail`. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient } from '../src/client'
import { BASE, LOGIN, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn } from './support/setup'
import { freeze, outcome } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe.each(['statusCode', 'status'] as const)('a host that delivers a refusal through fail, with %s', (name) => {
  it('a 401 is one: the token is renewed', async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(await outcome(client.get('/forbidden'))).toMatchObject({ ok: true, value: { statusCode: 403, ok: false, data: { code: 'forbidden' } } })
    service.expireAccess()
    expect(await outcome(client.uploadFile({ url: '/up', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.expireAccess()
    expect(await outcome(client.downloadFile({ url: '/file' }))).toMatchObject({ ok: true, value: { statusCode: 200, tempFilePath: 'tmp/1' } })
  })

  it('a refused refresh leads to a login, and a refused login is refused', async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.revokeAll()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(LOGIN)).toHaveLength(1)
    service.revokeAll()
    service.script(LOGIN, problem(403, 'user_blocked'))
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'user_blocked', status: 403 } })
  })

  it('a fail without a status, or with 0, is trouble', async () => {
    const { device } = await loggedIn()
    for (const result of [{ errMsg: 'request:fail' }, { [name]: 0 }, { [name]: 'gone' }, undefined]) {
      const host = { ...device.host, request: ({ fail }: { fail: (result: unknown) => void }) => { fail(result) } }
      const client = createClient({ host, baseURL: BASE })
      expect(await outcome(client.get('/a', undefined, { auth: false }))).toMatchObject({ ok: false, error: { name: 'NetworkError' } })
    }
  })

  it("Retry-After is honoured there too, and a host's own timeout is called one", async () => {
    const { client, device, service } = await loggedIn()
    device.failsWith = name
    service.expireAccess()
    service.script(REFRESH, problem(503, 'database_unavailable', { 'retry-after': '2' }))
    const began = Date.now()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeGreaterThanOrEqual(1900)
    const host = { ...device.host, request: ({ fail }: { fail: (result: unknown) => void }) => { fail({ errMsg: 'request:fail timeout' }) } }
    expect(await outcome(createClient({ host, baseURL: BASE }).get('/a', undefined, { auth: false }))).toMatchObject({ ok: false, error: { code: 'timeout' } })
  })
})
