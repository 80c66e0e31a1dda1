/** The host for browsers, against a real HTTP server on this machine. Uploads and downloads in a page are for the end-to-end tests. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClient, fetchHost } from '../src'
import { Service } from './support/service'

let server: Server
let base = ''
let service: Service
let seen: { method: string; url: string; type: string | undefined; body: string }[] = []

const body = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

beforeAll(async () => {
  server = createServer((request, response) => {
    void body(request).then((text) => {
      const path = request.url!.split('?')[0]!
      seen.push({ method: request.method!, url: request.url!, type: request.headers['content-type'], body: text })
      if (path === '/public/slow') return
      if (path === '/public/bytes') {
        response.end(Buffer.from([1, 2, 255]))
        return
      }
      const data = request.headers['content-type'] === 'application/json' && text ? (JSON.parse(text) as unknown) : undefined
      const answer = service.handle(request.method!, path, request.headers as Record<string, string>, data)
      response.writeHead(answer.statusCode, { 'content-type': 'application/problem+json', 'x-answer': 'yes' })
      response.end(answer.statusCode === 204 ? undefined : JSON.stringify(answer.data))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  service = new Service()
  seen = []
})
afterEach(() => {
  vi.unstubAllGlobals()
})

function made(options = {}) {
  const values = new Map<string, string>()
  const storage = { getItem: (k: string) => values.get(k) ?? null, setItem: (k: string, v: string) => void values.set(k, v), removeItem: (k: string) => void values.delete(k) }
  return { values, client: createClient({ host: fetchHost({ storage }), baseURL: base, getCode: () => service.newCode('alice'), ...options }) }
}

describe('fetchHost', () => {
  it('logs in, asks, refreshes and logs out over HTTP', async () => {
    const { client, values } = made()
    expect(await client.get('/orders')).toMatchObject({ statusCode: 200, data: { user: 'alice' }, header: { 'x-answer': 'yes' } })
    service.expireAccess()
    expect(await Promise.all([1, 2, 3, 4, 5].map(() => client.get('/orders')))).toMatchObject(Array.from({ length: 5 }, () => ({ statusCode: 200 })))
    expect(seen.filter((one) => one.url === '/api/v1/auth/refresh')).toHaveLength(1)
    await client.logout()
    expect(service.liveSessions()).toBe(0)
    expect([...values.values()].join('')).not.toMatch(/at\.|rt\./)
  })

  it('sends data as wx.request does: JSON, a query for GET, a form where the header says so, text as it is', async () => {
    const { client } = made()
    const open = { auth: false }
    await client.get('/public', { q: 'a b', empty: undefined, list: [1] }, open)
    await client.get('/public?x=1', { y: 2 }, open)
    await client.post('/public', { a: 1 }, open)
    await client.post('/public', [1], open)
    await client.post('/public', { a: 'ü&' }, { ...open, header: { 'Content-Type': 'application/x-www-form-urlencoded' } })
    await client.post('/public', 'plain', { ...open, header: { 'content-type': 'text/plain' } })
    await client.delete('/public', undefined, open)
    expect(seen.map(({ method, url, type, body: text }) => [method, url, type, text])).toEqual([
      ['GET', '/public?q=a+b&list=%5B1%5D', undefined, ''],
      ['GET', '/public?x=1&y=2', undefined, ''],
      ['POST', '/public', 'application/json', '{"a":1}'],
      ['POST', '/public', 'application/json', '[1]'],
      ['POST', '/public', 'application/x-www-form-urlencoded', 'a=%C3%BC%26'],
      ['POST', '/public', 'text/plain', 'plain'],
      ['DELETE', '/public', undefined, ''],
    ])
  })

  it('gives bytes when asked to', async () => {
    const { client } = made()
    const answer = await client.get<ArrayBuffer>('/public/bytes', undefined, { auth: false, responseType: 'arraybuffer' })
    expect(answer.ok && [...new Uint8Array(answer.data)]).toEqual([1, 2, 255])
  })

  it('rejects with a NetworkError when nobody listens, and when nobody answers in time', async () => {
    const gone = createClient({ host: fetchHost(), baseURL: 'http://127.0.0.1:1', getCode: () => 'x' })
    await expect(gone.get('/a', undefined, { auth: false })).rejects.toMatchObject({ name: 'NetworkError', code: 'network', retryable: true })
    const { client } = made({ timeout: 50 })
    await expect(client.get('/public/slow', undefined, { auth: false })).rejects.toMatchObject({ code: 'timeout' })
  })

  it('abort ends the fetch', async () => {
    const { client } = made()
    const task = client.get('/public/slow', undefined, { auth: false })
    setTimeout(() => { task.abort() }, 30)
    await expect(task).rejects.toMatchObject({ name: 'CancelError' })
  })

  it('keeps the session in memory where there is no localStorage', async () => {
    const client = createClient({ host: fetchHost(), baseURL: base, getCode: () => service.newCode('alice') })
    await client.get('/orders')
    await client.get('/orders')
    expect(seen.filter((one) => one.url === '/api/v1/auth/login')).toHaveLength(1)
  })

  it('keeps it in localStorage where there is one', async () => {
    const values = new Map<string, string>()
    vi.stubGlobal('localStorage', { getItem: (k: string) => values.get(k) ?? null, setItem: (k: string, v: string) => values.set(k, v), removeItem: (k: string) => values.delete(k) })
    await createClient({ host: fetchHost(), baseURL: base, getCode: () => service.newCode('alice') }).get('/orders')
    expect([...values.keys()].sort()).toEqual(['wugan', 'wugan.device'])
  })

  it('a page that comes into view renews what ran out, and one that is hidden does not', () => {
    const page = new EventTarget()
    const view = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
    vi.stubGlobal('document', view)
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
    const host = fetchHost()
    const shown = vi.fn()
    host.onAppShow!(shown)
    view.dispatchEvent(new Event('visibilitychange'))
    expect(shown).not.toHaveBeenCalled()
    view.visibilityState = 'visible'
    view.dispatchEvent(new Event('visibilitychange'))
    page.dispatchEvent(new Event('online'))
    expect(shown).toHaveBeenCalledTimes(2)
    host.offAppShow!(shown)
    view.dispatchEvent(new Event('visibilitychange'))
    page.dispatchEvent(new Event('online'))
    expect(shown).toHaveBeenCalledTimes(2)
  })
})
