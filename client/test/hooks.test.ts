/** `onRequest`, `onResponse` and `unwrap`. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import type { ClientResponse, SentRequest } from '../src/types'
import { Device } from './support/device'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('hooks', () => {
  it('onRequest is shown each sending with its token, and may change it, also in its own time', async () => {
    const seen: string[] = []
    const { client, service, device } = await loggedIn({
      onRequest: (request: SentRequest) => {
        seen.push(request.url + ' ' + String(request.header.Authorization))
        return new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => { request.header['x-sign'] = 's' + String(seen.length) })
      },
    })
    seen.length = 0
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(seen).toHaveLength(2)
    expect(seen[0]).not.toBe(seen[1])
    expect(device.sent.filter((one) => one.url.endsWith('/a')).map((one) => one.header['x-sign'])).toEqual(['s1', 's2'])
  })

  it('one that throws or rejects rejects its request, and keeps no place; an abort meanwhile sends nothing', async () => {
    let broken: (() => unknown) | undefined = () => { throw new Error('mine') }
    const { client, service } = await loggedIn({ maxConcurrent: 1, onRequest: () => broken?.() }).catch(() => scene({ maxConcurrent: 1, onRequest: () => broken?.() }))
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { message: 'mine' } })
    broken = () => Promise.reject(new Error('late'))
    expect(await outcome(client.get('/x', undefined, { auth: false }))).toMatchObject({ ok: false, error: { message: 'late' } })
    broken = () => new Promise((resolve) => setTimeout(resolve, 1000))
    const task = client.get('/slow', undefined, { auth: false })
    const seen = watched(task)
    await pass(100)
    task.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(service.to('/slow')).toHaveLength(0)
    broken = undefined
    expect(await outcome(client.get('/public', undefined, { auth: false }))).toMatchObject({ ok: true })
  })

  it('onResponse is shown the answer, and what it gives takes its place', async () => {
    const asked: unknown[] = []
    const { client, service } = await loggedIn({
      onResponse: (response: ClientResponse<{ data?: unknown }>, request: { url: string }) => {
        asked.push([request.url, response.statusCode])
        if (response.data.data) return Promise.resolve({ ...response, data: response.data.data })
        return undefined
      },
    })
    asked.length = 0
    service.expireAccess()
    await outcome(client.get('/a'))
    service.script('/wrapped', { kind: 'answer', status: 200, body: { code: 0, data: { tea: 2 } } })
    expect(await outcome(client.get('/wrapped'))).toMatchObject({ ok: true, value: { statusCode: 200, ok: true, data: { tea: 2 } } })
    expect(asked).toEqual([['/a', 200], ['/wrapped', 200]])
  })

  it('unwrap: a back end that wraps login and refresh in {code, data}', async () => {
    const device = new Device()
    const request = device.host.request
    device.host.request = (options: HostCall & { url: string }) => request({
      ...options,
      success: (result: { data: unknown }) => { options.success(/login|refresh/.test(options.url) ? { ...result, data: JSON.stringify({ code: 0, data: result.data }) } : result) },
    })
    const { client, service } = scene({ unwrap: (body: { data: unknown }) => body.data }, device)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.expireAccess()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.revokeAll('signed_out')
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out', reason: 'signed_out' } })
  })
})
