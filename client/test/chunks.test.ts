/** Responses that arrive in pieces, and options that go to the host as they are. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import type { Device } from './support/device'
import { loggedIn } from './support/setup'
import { freeze, outcome } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('an answer that arrives in pieces', () => {
  /** A host whose answers to /ai arrive in pieces, those of a refusal too. */
  function inPieces(device: Device, hasStatus = true) {
    const request = device.host.request
    device.host.request = (options: HostCall & { url: string }) => {
      const listeners: Record<string, (event: object) => void> = {}
      const task = request({
        ...options,
        success: (result: { statusCode: number; data: unknown }) => {
          if (options.url.endsWith('/ai')) {
            listeners.onHeadersReceived?.({ header: {}, ...(hasStatus ? { statusCode: result.statusCode } : {}) })
            for (const part of result.statusCode === 200 ? ['one', 'two'] : ['refused']) listeners.onChunkReceived?.({ data: new TextEncoder().encode(part).buffer })
          }
          options.success(result)
        },
      }) as object
      const on = (name: string) => (listener: (event: object) => void) => { listeners[name] = listener }
      return { ...task, onHeadersReceived: on('onHeadersReceived'), onChunkReceived: on('onChunkReceived') }
    }
  }

  it('hands on head and pieces, through a renewal, and none of the refusal', async () => {
    const { client, device, service } = await loggedIn()
    inPieces(device)
    service.expireAccess()
    const seen: unknown[] = []
    const task = client.post('/ai', { ask: 'tea' }, { enableChunked: true })
    task.onHeadersReceived(({ statusCode }) => seen.push(statusCode))
    task.onChunkReceived(({ data }) => seen.push(new TextDecoder().decode(data)))
    expect(await outcome(task)).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(seen).toEqual([200, 'one', 'two'])
  })

  it('a second refusal is handed on, since it is the answer', async () => {
    const { client, device, service } = await loggedIn()
    inPieces(device)
    service.alwaysRefuses.add('/ai')
    const seen: unknown[] = []
    const task = client.get('/ai', undefined, { enableChunked: true })
    task.onHeadersReceived(({ statusCode }) => seen.push(statusCode))
    expect(await outcome(task)).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
    expect(seen).toEqual([401])
  })

  it('a host whose tasks throw or know no such thing does not matter (uni-app, H5)', async () => {
    const { client, device } = await loggedIn()
    const request = device.host.request
    device.host.request = (options: HostCall) => ({ ...(request(options) as object), onHeadersReceived: () => { throw new Error('Method not implemented.') } })
    const task = client.get('/a')
    task.onChunkReceived(() => undefined)
    expect(await outcome(task)).toMatchObject({ ok: true })
  })
})

describe('a client', () => {
  it('whose host has hostOptions hands them on as they are', async () => {
    const { client, device } = await loggedIn()
    const request = vi.spyOn(device.host, 'request')
    await outcome(client.get('/public', undefined, { auth: false, hostOptions: { forceHttps: 1 }, enableHttp2: true }))
    expect(request.mock.calls[0]![0]).toMatchObject({ forceHttps: 1, enableHttp2: true })
  })
})
