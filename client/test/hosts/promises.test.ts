/** What every host promises, WeChat's first: the same on each platform, by hosts that are made of the platform's own typings. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { alipayHost } from '../../src/alipay'
import { baiduHost } from '../../src/baidu'
import { douyinHost } from '../../src/douyin'
import type { Host } from '../../src/host'
import { wecomHost } from '../../src/wecom'
import { Device, LOGIN, LOGOUT, REFRESH } from '../support/device'
import { alipay, baidu, douyin, person, wecom } from '../support/platforms'
import { problem } from '../support/service'
import { scene } from '../support/setup'
import { freeze, outcome, pass, watched } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

const PLATFORMS: [string, (device: Device) => Host][] = [
  ['wx', (device) => device.host],
  ['my', (device) => alipayHost(alipay(device, person()))],
  ['tt', (device) => douyinHost(douyin(device, person()))],
  ['swan', (device) => baiduHost(baidu(device, person()))],
  ['wx in WeCom', (device) => wecomHost(wecom(device))],
]

describe.each(PLATFORMS)('%s', (name, hostOf) => {
  const made = (options = {}, device = new Device()) => scene({ host: hostOf(device), ...options }, device)
  const five = (client: ReturnType<typeof made>['client']) => outcome(Promise.all([1, 2, 3, 4, 5].map((n) => client.get(`/orders/${String(n)}`))).then((all) => all.map((one) => one.statusCode)))
  const FIVE = { ok: true, value: [200, 200, 200, 200, 200] }
  const started = async (options = {}) => {
    const it = made(options)
    await outcome(it.client.get('/a'))
    it.service.calls.length = 0
    it.events.length = 0
    return it
  }
  const count = (one: ReturnType<typeof made>) => [one.service.to(LOGIN).length, one.service.to(REFRESH).length]

  it('cold start: five requests, one login, five answers', async () => {
    const one = made()
    expect(await five(one.client)).toEqual(FIVE)
    expect(count(one)).toEqual([1, 0])
    expect(one.client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'alice' } })
  })

  it('a body arrives, an answer is parsed, and headers go out', async () => {
    const one = await started()
    one.service.script('/a', { kind: 'answer', status: 201, body: { id: 7 }, header: { 'x-total': '1' } })
    expect(await outcome(one.client.put('/a', { tea: 2 }, { header: { 'X-Own': 'ü' } }))).toMatchObject({ ok: true, value: { ok: true, statusCode: 201, data: { id: 7 }, header: { 'x-total': '1' } } })
    expect(one.device.sent.at(-1)).toMatchObject({ method: 'PUT', header: { 'X-Own': 'ü', Authorization: expect.stringMatching(/^Bearer at\./) as string } })
  })

  it('an answer without a body is an answer', async () => {
    const one = await started()
    one.service.script('/a', { kind: 'answer', status: 204, body: '' })
    expect(await outcome(one.client.delete('/a'))).toMatchObject({ ok: true, value: { ok: true, statusCode: 204 } })
  })

  it('an expired token, known by the clock: one refresh and no 401', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    expect(await five(one.client)).toEqual(FIVE)
    expect(count(one)).toEqual([0, 1])
    expect(one.service.calls).toHaveLength(6)
  })

  it('a refused token: five 401s, one refresh, five answers', async () => {
    const one = await started()
    one.service.expireAccess()
    expect(await five(one.client)).toEqual(FIVE)
    expect(count(one)).toEqual([0, 1])
    expect(one.service.calls).toHaveLength(11)
  })

  it('both tokens refused: one silent login, five answers', async () => {
    const one = await started()
    one.service.revokeAll('replaced')
    expect(await five(one.client)).toEqual(FIVE)
    expect(count(one)).toEqual([1, 1])
  })

  it('signed out on another device: this one is out until login()', async () => {
    const one = await started()
    one.service.revokeAll('signed_out')
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'logged_out', reason: 'signed_out' } })
    expect(one.client.getSession()).toMatchObject({ state: 'loggedOut', reason: 'signed_out' })
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false })
    expect(count(one)).toEqual([0, 1])
    expect(await outcome(one.client.login())).toMatchObject({ ok: true })
  })

  it.each([400, 403, 404, 409, 500, 503])('status %d is an answer, with its body', async (status) => {
    const one = await started()
    one.service.script('/a', problem(status, 'told'))
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: true, value: { ok: false, statusCode: status, data: { code: 'told' } } })
    expect(count(one)).toEqual([0, 0])
  })

  it('a restart finds the session, and a logout lasts through one', async () => {
    const one = await started()
    const again = made({}, one.device)
    expect(await five(again.client)).toEqual(FIVE)
    expect(count(one)).toEqual([0, 0])
    await outcome(again.client.logout())
    expect(one.service.to(LOGOUT)).toHaveLength(1)
    one.service.calls.length = 0
    const third = made({}, one.device)
    expect(third.client.getSession().state).toBe('loggedOut')
    expect(await outcome(third.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(one.service.calls).toEqual([])
  })

  it('the service away and back: NetworkError, then an answer, and nobody logs in again', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    one.service.script(REFRESH, ...Array.from({ length: 3 }, () => ({ kind: 'fail' }) as const))
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'network', retryable: true } })
    expect(await five(one.client)).toEqual(FIVE)
    expect(one.service.to(LOGIN)).toHaveLength(0)
  })

  it('503 at a refresh is no refusal', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    one.service.script(REFRESH, problem(503, 'database_unavailable', { 'retry-after': '1' }))
    expect(await five(one.client)).toEqual(FIVE)
    expect(one.service.to(LOGIN)).toHaveLength(0)
  })

  it('what nobody answers ends after its timeout, and abort() ends a request at once', async () => {
    const one = await started()
    one.service.script('/a', { kind: 'hang' }, { kind: 'hang' })
    expect(await outcome(one.client.get('/a', undefined, { timeout: 3000 }))).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'timeout' } })
    const task = one.client.get('/a')
    const end = watched(task)
    await pass(10)
    task.abort()
    await pass(1)
    expect(end.now).toMatchObject({ ok: false, error: { name: 'CancelError' } })
    expect(one.device.onWire.request).toBe(0)
  })

  it('an upload with an expired token travels once, and again after a 401', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    const upload = () => outcome(one.client.uploadFile({ url: '/upload', filePath: 'tmp/1', name: 'photo', formData: { note: 'ü' } }))
    expect(await upload()).toMatchObject({ ok: true, value: { ok: true, statusCode: 200, data: '{"user":"alice"}' } })
    expect(one.service.to('/upload')).toHaveLength(1)
    one.service.expireAccess()
    expect(await upload()).toMatchObject({ ok: true, value: { ok: true } })
    expect(one.service.to('/upload')).toHaveLength(3)
  })

  it('a download gives a file; what is no file is none', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    expect(await outcome(one.client.downloadFile({ url: '/file' }))).toMatchObject({ ok: true, value: { ok: true, statusCode: 200, tempFilePath: 'tmp/1' } })
    const refused = await outcome(one.client.downloadFile({ url: '/forbidden' }))
    // Alipay's downloads tell no status: there it is a failure.
    if (name === 'my') expect(refused).toMatchObject({ ok: false, error: { name: 'NetworkError', code: 'network' } })
    else expect(refused).toMatchObject({ ok: true, value: { ok: false, statusCode: 403 } })
    expect(JSON.stringify(refused)).not.toContain('tmp/1')
  })

  it('a storage that is full costs a restart\'s memory, and is told', async () => {
    const device = new Device()
    device.storageBroken = true
    const one = made({}, device)
    expect(await five(one.client)).toEqual(FIVE)
    expect(one.types()).toContain('storageFailed')
    expect(count(one)).toEqual([1, 0])
  })

  it('coming to the front renews what ran out', async () => {
    const one = await started()
    await pass(one.service.accessTtl * 1000)
    one.device.show()
    await pass(1000)
    expect(count(one)).toEqual([0, 1])
    one.client.close()
    expect(one.device.listening).toBe(0)
  })

  it('thirty requests at once are answered, no more at a time than the platform runs', async () => {
    const one = await started()
    expect(await outcome(Promise.all(Array.from({ length: 30 }, () => one.client.get('/a'))))).toMatchObject({ ok: true })
    expect(one.device.most.request).toBe(name === 'swan' ? 4 : 9)
  })

  it('a login that fails is trouble, and passes', async () => {
    const device = new Device()
    device.loginScript.push('fail', 'fail', 'fail')
    const one = made({}, device)
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false, error: { name: 'NetworkError', retryable: true } })
    expect(one.client.getSession().state).toBe('anonymous')
    expect(await five(one.client)).toEqual(FIVE)
  })

  it('a spent code is replaced by a new one', async () => {
    const one = made()
    one.service.script(LOGIN, problem(400, 'code_used'))
    expect(await five(one.client)).toEqual(FIVE)
    expect(count(one)).toEqual([2, 0])
  })
})
