/** What a call hands in is copied at the call. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Device } from './support/device';
import { BASE } from './support/device'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

interface Sent { url: string; data: unknown; header: Record<string, string>; formData?: unknown }

/** What the host was given, beside the client's own calls. */
function spied(device: Device, kind: 'request' | 'uploadFile' = 'request'): () => Sent[] {
  const calls = vi.spyOn(device.host, kind as 'request').mock.calls
  return () => calls.map(([options]) => options as Sent).filter((one) => !one.url.includes('/auth/'))
}

describe('what a call hands in is copied at the call', () => {
  it('a form that is emptied afterwards is sent as it was, also nested and also after a 401', async () => {
    const { client, device, service } = await loggedIn()
    service.expireAccess()
    const sent = spied(device)
    const form = { address: 'here', lines: [{ tea: 2 }], note: Object.assign(Object.create(null) as object, { gift: true }) }
    const done = client.post('/orders', form)
    form.address = ''
    form.lines[0]!.tea = 0
    form.lines.push({ tea: 9 })
    ;(form.note).gift = false
    await outcome(done)
    expect(sent().map(({ data }) => data)).toEqual([1, 2].map(() => ({ address: 'here', lines: [{ tea: 2 }], note: { gift: true } })))
  })

  it('a query that is counted up asks for each page', async () => {
    const { client, device } = await loggedIn()
    const sent = spied(device)
    const q = { page: 1 }
    const first = client.get('/list', q)
    q.page++
    await outcome(Promise.all([first, client.get('/list', q)]))
    expect(sent().map(({ data }) => data)).toEqual([{ page: 1 }, { page: 2 }])
  })

  it('so are the header, the address, and the formData of an upload', async () => {
    const { client, device } = scene()
    const sent = spied(device)
    const uploads = spied(device, 'uploadFile')
    const options = { url: '/a', header: { 'x-step': '1' } }
    const upload = { url: '/up', filePath: 'p', name: 'f', formData: { note: 'a' } }
    const all = Promise.all([client.request(options), client.uploadFile(upload)])
    options.url = '/b'
    options.header['x-step'] = '2'
    upload.formData.note = 'b'
    await outcome(all)
    expect(sent()).toMatchObject([{ url: BASE + '/a', header: { 'x-step': '1' } }])
    expect(uploads()).toMatchObject([{ formData: { note: 'a' } }])
  })

  it('what is no plain object goes to the host as it is: bytes, dates, instances of classes', async () => {
    const { client, device } = await loggedIn()
    const sent = spied(device)
    class Money { cents = 5; toJSON() { return this.cents } }
    const data = { bytes: new ArrayBuffer(2), at: new Date(0), price: new Money(), none: null, list: [undefined, 1] }
    await outcome(client.post('/orders', data))
    const got = sent()[0]!.data as typeof data
    expect(got).toEqual(data)
    expect(got.bytes).toBe(data.bytes)
    expect(got.price).toBe(data.price)
    await outcome(client.post('/orders', data.bytes))
    expect(sent()[1]!.data).toBe(data.bytes)
  })
})
