/** The rows of the case table (docs/en/client.md) about requests themselves: files, giving up, places, repeating. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import type { Progress, RequestOptions } from '../src/types'
import { BASE, REFRESH } from './support/device'
import { problem } from './support/service'
import { loggedIn, scene } from './support/setup'
import { drained, freeze, outcome, pass, runOut, watched } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('upload, download', () => {
  it('take the same path: a refused token is renewed, and the file sent again', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const up = await outcome(client.uploadFile({ url: '/upload', filePath: 'tmp/photo', name: 'photo', formData: { note: 'x' } }))
    expect(up).toMatchObject({ ok: true, value: { statusCode: 200, data: '{"user":"alice"}' } })
    service.expireAccess()
    const down = await outcome(client.downloadFile({ url: '/file' }))
    expect(down).toMatchObject({ ok: true, value: { statusCode: 200, tempFilePath: 'tmp/1' } })
    expect(service.to(REFRESH)).toHaveLength(2)
  })

  it('expiry is looked at first, so that a file is not sent twice', async () => {
    const { client, service, device } = await loggedIn()
    await pass((14400 - 10) * 1000)
    // The upload arrives after the end of the token that was held when it was asked for.
    device.latency = (path) => (path === '/upload' ? 12000 : 1000)
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to('/upload')).toHaveLength(1)
  })

  it('in uploads the body is a string: isAuthError is shown what it says', async () => {
    const { client, service } = await loggedIn({ isAuthError: (r: { data: unknown }) => (r.data as { code?: number }).code === 40101 })
    service.script('/upload', { kind: 'answer', status: 200, body: { code: 40101 } })
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' }))).toMatchObject({ ok: true, value: { data: '{"user":"alice"}' } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('the file of a failed download is dropped', async () => {
    const { client, service, device } = await loggedIn()
    service.script('/file', problem(404, 'not_found'))
    const gone = await outcome(client.downloadFile({ url: '/file' }))
    expect(gone).toMatchObject({ ok: true, value: { statusCode: 404 } })
    expect((gone as { value: object }).value).not.toHaveProperty('tempFilePath')
    expect(device.unlinked).toEqual(['tmp/1'])
    service.expireAccess()
    expect(await outcome(client.downloadFile({ url: '/file', filePath: 'user/report.pdf' }))).toMatchObject({ ok: true, value: { filePath: 'user/report.pdf' } })
    expect(device.unlinked).toEqual(['tmp/1', 'user/report.pdf'])
  })

  it('progress is told to every listener, also to one that came late', async () => {
    const { client } = await loggedIn()
    const seen: Progress[] = []
    const upload = client.uploadFile({ url: '/upload', filePath: 'p', name: 'f' })
    upload.onProgressUpdate((progress) => seen.push(progress))
    await drained()
    upload.onProgressUpdate((progress) => seen.push(progress))
    await outcome(upload)
    expect(seen).toEqual([{ progress: 50 }, { progress: 50 }])
  })
})

describe('cancel', () => {
  it.each([0, 30, 60, 90, 120])('abort after %d ms of a cold start rejects at once', async (after) => {
    const { client, device } = scene()
    const request = client.get('/a')
    const seen = watched(request)
    await pass(after)
    request.abort()
    await drained()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError', code: 'aborted', retryable: false } })
    await runOut()
    expect(Object.values(device.onWire).every((count) => count === 0)).toBe(true)
  })

  it('a shared flight lives on', async () => {
    const { client, service } = await loggedIn()
    service.expireAccess()
    const given = client.get('/a')
    const other = watched(client.get('/a'))
    const seen = watched(given)
    await pass(60)
    given.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(other.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it('takes the request off the wire and gives its place back', async () => {
    const { client, service } = await loggedIn({ maxConcurrent: 1 })
    service.script('/hang', { kind: 'hang' })
    const hanging = client.get('/hang')
    void watched(hanging)
    const next = watched(client.get('/a'))
    await pass(200)
    expect(next.now).toBeUndefined()
    hanging.abort()
    await pass(200)
    expect(next.now).toMatchObject({ ok: true })
  })

  it('between two tries of a GET, nothing more is done', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'fail' })
    const request = client.get('/a', undefined, { retry: 3 })
    const seen = watched(request)
    await pass(100)
    request.abort()
    await runOut()
    expect(seen.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(service.to('/a')).toHaveLength(0)
  })

  it('of a GET that would be tried again leaves no timer behind', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'hang' })
    const request = client.get('/a', undefined, { retry: 3 })
    void watched(request)
    await pass(100)
    request.abort()
    await drained()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('after the answer it does nothing', async () => {
    const { client } = await loggedIn()
    const request = client.get('/a')
    await outcome(request)
    request.abort()
    expect(await outcome(request)).toMatchObject({ ok: true })
  })
})

describe("wx.request's limit of 10", () => {
  it('at most 9 at once, in the order of asking', async () => {
    const { client, device } = await loggedIn()
    const all = await outcome(Promise.all(Array.from({ length: 30 }, (_, n) => client.get(`/n${String(n)}`))))
    expect(all).toMatchObject({ ok: true })
    expect(device.most.request).toBe(9)
    expect(device.sent.map((one) => one.url.replace(BASE + '/n', ''))).toEqual(Array.from({ length: 30 }, (_, n) => String(n)))
  })

  it('a place is kept for login and refresh: nine requests that hang do not stop a renewal', async () => {
    const { client, service } = await loggedIn()
    service.script('/hang', ...Array.from({ length: 9 }, () => ({ kind: 'hang' }) as const))
    for (let n = 0; n < 9; n++) void watched(client.get('/hang'))
    await pass(10)
    const renewal = watched(client.refresh())
    await pass(1000)
    expect(renewal.now).toMatchObject({ ok: true })
  })

  it('those who wait for a token hold none', async () => {
    const { client, service } = await loggedIn({ maxConcurrent: 1 })
    service.expireAccess()
    service.script(REFRESH, { kind: 'fail' })
    const waiting = watched(client.get('/a'))
    await pass(100)
    const open = watched(client.get('/public', undefined, { auth: false }))
    await pass(60)
    expect(open.now).toMatchObject({ ok: true })
    await runOut()
    expect(waiting.now).toMatchObject({ ok: true })
  })

  it('a token that was replaced while a request waited for a place is not sent', async () => {
    const { client, service, device } = await loggedIn({ maxConcurrent: 1 })
    device.latency = () => 200
    const first = watched(client.get('/first'))
    const second = watched(client.get('/second'))
    await pass(1)
    device.latency = () => 25
    void watched(client.refresh())
    await runOut()
    expect(first.now).toMatchObject({ ok: true })
    expect(second.now).toMatchObject({ ok: true })
    const [one] = service.to('/first')
    const [two] = service.to('/second')
    expect(two!.token).not.toBe(one!.token)
  })
})

describe("wx.request's callbacks", () => {
  it('are not called, not even by the host: what they were for, the promise says', async () => {
    const { client, service, device } = await loggedIn()
    service.expireAccess()
    const request = device.host.request
    // As wx does: `complete` after either of the two.
    device.host.request = (options: HostCall & { complete?: () => void }) => request({
      ...options,
      success: (result: unknown) => { options.success(result); options.complete?.() },
      fail: (result: unknown) => { options.fail(result); options.complete?.() },
    })
    const called = vi.fn()
    const old = { url: '/a', success: called, fail: called, complete: called } as object as RequestOptions
    expect(await outcome(client.request(old))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.script('/a', { kind: 'fail' })
    expect(await outcome(client.request(old))).toMatchObject({ ok: false })
    expect(called).not.toHaveBeenCalled()
  })
})

describe('sending again', () => {
  it('after a network error, not unless the caller asks', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(service.to('/a')).toHaveLength(1)
  })

  it('a GET, as often as the caller asks', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' }, { kind: 'fail' })
    expect(await outcome(client.get('/a', undefined, { retry: 2 }))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    service.script('/a', { kind: 'lost' }, { kind: 'fail' })
    expect(await outcome(client.get('/a', undefined, { retry: 1 }))).toMatchObject({ ok: false })
  })

  it('never a POST', async () => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'lost' })
    expect(await outcome(client.post('/a', {}, { retry: 5 }))).toMatchObject({ ok: false })
    expect(service.to('/a')).toHaveLength(1)
  })

  it('never an upload: it is a POST without saying so', async () => {
    const { client, service } = await loggedIn()
    service.script('/upload', { kind: 'lost' })
    expect(await outcome(client.uploadFile({ url: '/upload', filePath: 'p', name: 'f', ...{ retry: 5 } }))).toMatchObject({ ok: false })
    expect(service.to('/upload')).toHaveLength(1)
  })

  it.each([[-1, 1], [0.5, 1], [1.5, 2], ['2', 3], ['often', 1], [NaN, 1], [null, 1]])('retry: %j sends it %d times at most', async (retry, times) => {
    const { client, service, device } = await loggedIn()
    service.script('/a', ...Array.from({ length: 30 }, () => ({ kind: 'fail' }) as const))
    expect(await outcome(client.get('/a', undefined, { retry: retry as number }), 100)).toMatchObject({ ok: false, error: { code: 'network' } })
    expect(device.sent).toHaveLength(times)
  })

  it.each([200, 204, 302, 400, 404, 409, 429, 500, 503])('every status resolves, %d too', async (status) => {
    const { client, service } = await loggedIn()
    service.script('/a', { kind: 'answer', status, body: 'x' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true, value: { statusCode: status } })
  })

  it('a request that nothing answers rejects after its timeout', async () => {
    const { client, service } = await loggedIn({ timeout: 5000 })
    service.script('/a', { kind: 'hang' }, { kind: 'hang' })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'timeout' } })
    expect(await outcome(client.get('/a', undefined, { timeout: 100 }))).toMatchObject({ ok: false, error: { message: 'no answer in 100 ms' } })
  })
})
