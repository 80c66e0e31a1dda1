import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, fetchHost } from '../../src'
import { parser, type ServerSentEvent, stream, utf8 } from '../../src/stream'
import { Service } from '../support/service'

const TEXT = 'tea 茶 🍵 ü€\u0000\u{10ffff}'

describe('utf8', () => {
  it('puts text together wherever it was cut', () => {
    const bytes = new TextEncoder().encode(TEXT)
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const decode = utf8()
        expect(decode(bytes.slice(0, first)) + decode(bytes.slice(first, second)) + decode(bytes.slice(second))).toBe(TEXT)
      }
    }
  })

  it('says of wrong bytes what TextDecoder says, in 20,000 random texts', () => {
    let seed = 7
    const random = (most: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most
    const pool = [0x41, 0x80, 0xbf, 0xc0, 0xc1, 0xc3, 0xa9, 0xe0, 0xe8, 0x8c, 0xb6, 0xed, 0xa0, 0xf0, 0x9f, 0x8d, 0xb5, 0xf4, 0x90, 0xf5, 0xff]
    for (let n = 0; n < 20000; n++) {
      // A whole character at the end, so that nothing is held back.
      const bytes = Uint8Array.from([...Array.from({ length: random(7) }, () => pool[random(pool.length)]!), 0x41])
      const cut = random(bytes.length)
      const decode = utf8()
      // How many replacement characters stand for one wrong sequence is the decoder's own choice.
      const plain = (text: string) => text.replace(/\ufffd+/g, '\ufffd')
      expect(plain(decode(bytes.slice(0, cut)) + decode(bytes.slice(cut))), [...bytes].join(' ')).toBe(plain(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)))
    }
  })
})

describe('parser', () => {
  const parsed = (...texts: string[]): ServerSentEvent[] => {
    const found: ServerSentEvent[] = []
    const read = parser((event) => found.push(event))
    for (const text of texts) read(text)
    return found
  }
  const source = ': a comment\n\nevent: tea\nid: 7\ndata: one\ndata:two\ndata\n\nretry: 5\ndata: {"a": 1}\n\nevent: nothing\n\ndata: cut off'
  const events = [{ event: 'tea', data: 'one\ntwo\n', id: '7' }, { event: 'message', data: '{"a": 1}', id: '7' }]

  it.each(['\n', '\r\n', '\r'])('reads events with lines that end in %j, wherever the text was cut', (end) => {
    const text = source.replaceAll('\n', end)
    for (let at = 0; at <= text.length; at++) expect(parsed(text.slice(0, at), text.slice(at))).toEqual(events)
    expect(parsed('\ufeff' + text)).toEqual(events)
  })
})

describe('stream', () => {
  let server: Server
  let base = ''
  let service: Service
  let sent: { token: string; accept: string | undefined; body: string }[] = []
  let closed = 0

  beforeAll(async () => {
    server = createServer((request, response) => {
      void (async () => {
        let body = ''
        for await (const part of request) body += String(part)
        const path = request.url!.split('?')[0]!
        const answer = service.handle(request.method!, path, request.headers as Record<string, string>, body && path.includes('auth') ? JSON.parse(body) as unknown : undefined)
        if (!path.startsWith('/ai') || answer.statusCode !== 200) {
          if (path.startsWith('/ai')) sent.push({ token: String(request.headers.authorization), accept: request.headers.accept, body })
          response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(answer.statusCode === 204 ? undefined : JSON.stringify(answer.data))
          return
        }
        sent.push({ token: String(request.headers.authorization), accept: request.headers.accept, body })
        response.on('close', () => { if (!response.writableEnded) closed++ })
        if (path === '/ai/wrong') { response.writeHead(500, { 'content-type': 'text/event-stream' }).end('data: not for you\n\n'); return }
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const bytes = Buffer.from('data: 茶\n\ndata: 🍵\n\n')
        for (const byte of bytes) {
          response.write(Buffer.from([byte]))
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
        if (path === '/ai/endless') return
        if (path === '/ai/broken') response.destroy()
        else response.end()
      })().catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const made = () => {
    service = new Service()
    sent = []
    closed = 0
    return createClient({ host: fetchHost(), baseURL: base, getCode: () => service.newCode('alice') })
  }
  const all = async (events: AsyncIterable<ServerSentEvent>) => {
    const seen: string[] = []
    for await (const { data } of events) seen.push(data)
    return seen
  }

  it('iterates over events whose characters were cut, through a renewal', async () => {
    const client = made()
    expect(await all(stream(client, { url: '/ai', method: 'POST', data: { ask: 'tea?' } }))).toEqual(['茶', '🍵'])
    service.expireAccess()
    expect(await all(stream(client, { url: '/ai', method: 'POST', data: { ask: 'tea?' } }))).toEqual(['茶', '🍵'])
    expect(sent.map(({ accept, body }) => [accept, body])).toEqual(Array.from({ length: 3 }, () => ['text/event-stream', '{"ask":"tea?"}']))
    expect(sent[1]!.token).not.toBe(sent[2]!.token)
  })

  it('throws for a status that is no 2xx, and when the connection breaks, after what had come', async () => {
    const client = made()
    await expect(all(stream(client, { url: '/ai/wrong' }))).rejects.toMatchObject({ name: 'NetworkError', status: 500 })
    const seen: string[] = []
    await expect((async () => {
      for await (const { data } of stream(client, { url: '/ai/broken' })) seen.push(data)
    })()).rejects.toMatchObject({ name: 'NetworkError', code: 'network' })
    expect(seen).toEqual(['茶', '🍵'])
  })

  it('leaving the loop takes the request off the wire, and so does abort', async () => {
    const client = made()
    for await (const { data } of stream(client, { url: '/ai/endless' })) {
      expect(data).toBe('茶')
      break
    }
    const events = stream(client, { url: '/ai/endless' })
    expect((await events.next()).value).toMatchObject({ data: '茶' })
    const waiting = events.next().then(() => events.next())
    setTimeout(events.abort, 60)
    await expect(waiting).resolves.toMatchObject({ done: true })
    await expect.poll(() => closed).toBe(2)
  })

  it('a host that knows no pieces hands the whole over at the end', async () => {
    const client = made()
    const host = fetchHost()
    const plain = createClient({
      host: { ...host, request: (options: object) => host.request({ ...options, enableChunked: false }) },
      baseURL: base, getCode: () => service.newCode('alice'),
    })
    await client.get('/public', undefined, { auth: false })
    expect(await all(stream(plain, { url: '/ai' }))).toEqual(['茶', '🍵'])
  })
})
