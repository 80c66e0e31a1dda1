/** What Alipay's base libraries differ in, and what `my` is given. */
import { describe, expect, it, vi } from 'vitest'
import { type Alipay, alipayHost } from '../../src/alipay'
import { createClient } from '../../src/client'
import { AuthError } from '../../src/errors'

type Call = Record<string, unknown> & { success: (result: object) => void; fail: (error: object) => void }

/** A base library that answers each request with this, and remembers what it was given. */
function made(answer: (call: Call) => void) {
  const calls: Call[] = []
  const call = (one: Call) => {
    calls.push(one)
    answer(one)
  }
  const my: Alipay = {
    request: call, uploadFile: call, downloadFile: call,
    getAuthCode: ({ success }: Call) => { success({ authCode: 'c' }) },
    getStorageSync: () => ({ data: null }), setStorageSync: () => ({ success: true }), removeStorageSync: () => ({ success: true }),
  }
  return { calls, host: alipayHost(my), client: createClient({ host: alipayHost(my), baseURL: 'https://x' }) }
}
const open = { auth: false } as const

describe('what comes back', () => {
  it('status and headers of a base library that has no other names', async () => {
    const { client } = made(({ success }) => { success({ data: '{"a":1}', status: 202, headers: { 'x-a': 'b' } }) })
    expect(await client.get('/a', undefined, open)).toMatchObject({ statusCode: 202, ok: true, header: { 'x-a': 'b' }, data: { a: 1 } })
  })

  it('a file under its older name', async () => {
    const { client } = made(({ success }) => { success({ apFilePath: 'https://resource/1.image' }) })
    expect(await client.downloadFile({ url: '/f', ...open })).toMatchObject({ statusCode: 200, ok: true, tempFilePath: 'https://resource/1.image' })
  })

  it('text that is no JSON, and JSON where text was asked for, as text', async () => {
    const { client } = made(({ url, success }) => { success({ data: url === 'https://x/page' ? '<html>' : '{"a":1}', status: 200 }) })
    expect((await client.get('/page', undefined, open)).data).toBe('<html>')
    expect((await client.get('/a', undefined, { ...open, dataType: 'text' })).data).toBe('{"a":1}')
  })

  it.each([[13, 'timeout'], [12, 'network'], [9, 'network'], [4, 'network'], [19, 'network']])('error %d without a status is a NetworkError, %s', async (error, code) => {
    const { client } = made(({ fail }) => { fail({ error, errorMessage: '出错' }) })
    await expect(client.get('/a', undefined, open)).rejects.toMatchObject({ name: 'NetworkError', code, retryable: true, cause: { error } })
  })

  it('error 19 with a status is an answer', async () => {
    const { client } = made(({ fail }) => { fail({ error: 19, errorMessage: 'http status error', status: '409', data: '{"code":"taken"}' }) })
    expect(await client.get('/a', undefined, open)).toMatchObject({ statusCode: 409, ok: false, data: { code: 'taken' } })
  })
})

describe('what my is given', () => {
  it('headers, text for every method with a body, objects for GET and for forms', async () => {
    const { client, calls } = made(({ success }) => { success({ status: 200, data: '' }) })
    await client.get('/a', { q: 1 }, { ...open, header: { 'X-A': 'b' } })
    await client.post('/a', { q: 1 }, open)
    await client.delete('/a', { q: 1 }, open)
    await client.post('/a', { q: 1 }, { ...open, header: { 'Content-Type': 'application/x-www-form-urlencoded' } })
    await client.post('/a', 'as it is', open)
    expect(calls.map(({ data }) => data)).toEqual([{ q: 1 }, '{"q":1}', '{"q":1}', { q: 1 }, 'as it is'])
    expect(calls[0]!.headers).toEqual({ 'X-A': 'b' })
    expect(new Set(calls.map(({ dataType }) => dataType))).toEqual(new Set(['text']))
  })

  it('bytes where bytes are wanted', async () => {
    const bytes = new Uint8Array([1, 2]).buffer
    const { client, calls } = made(({ success }) => { success({ status: 200, data: bytes }) })
    expect((await client.post('/a', bytes, { ...open, responseType: 'arraybuffer' })).data).toBe(bytes)
    expect(calls[0]).toMatchObject({ dataType: 'arraybuffer', data: bytes })
  })

  it('what an upload needs there', async () => {
    const { client, calls } = made(({ success }) => { success({ statusCode: 200, data: '{}' }) })
    await client.uploadFile({ url: '/u', filePath: 'p', name: 'photo', ...open })
    await client.uploadFile({ url: '/u', filePath: 'p', name: 'film', fileType: 'video', ...open })
    expect(calls.map(({ name, fileName, fileType }) => [name, fileName, fileType])).toEqual([['photo', 'photo', 'image'], ['film', 'film', 'video']])
  })
})

describe('getAuthCode', () => {
  it('a refusal (11) is nobody; anything else is trouble', () => {
    for (const [error, isNobody] of [[11, true], [12, false], [3, false]] as const) {
      const fail = vi.fn()
      const my = { getAuthCode: (call: Call) => { call.fail({ error, errorMessage: '出错' }) } }
      alipayHost(my as unknown as Alipay).login!({ success: vi.fn(), fail })
      expect(fail.mock.calls[0]![0] instanceof AuthError).toBe(isNobody)
    }
  })
})
