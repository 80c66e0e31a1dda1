/**
 * `@wugan/client/stream`: an answer that arrives piece by piece (server-sent events, as AI services send them), as an
 * async iterator. The client renews the token first where that is needed; nothing of a refusal is taken for an event.
 */
import { type Answer, type Client, type RequestOptions } from './index'
import { wanted } from './parts/ok'

/** One event of the stream. */
export interface ServerSentEvent {
  /** `message` unless the server says otherwise. */
  event: string
  data: string
  /** The last id that the server gave. */
  id: string
}

/** Iterate it once. Leaving the loop, or `abort()`, takes the request off the wire. */
export interface EventStream extends AsyncIterableIterator<ServerSentEvent> {
  abort: () => void
}

/** Puts UTF-8 together again, wherever it was cut. Mini programs have no TextDecoder on every device. */
export function utf8(): (piece: Uint8Array) => string {
  let rest: number[] = []
  return (piece) => {
    const bytes = rest.concat(Array.from(piece))
    let text = ''
    let at = 0
    while (at < bytes.length) {
      const lead = bytes[at]!
      const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
      let point = length === 1 ? lead : lead & (0xff >> (length + 1))
      let n = 1
      while (n < length && at + n < bytes.length && (bytes[at + n]! & 0xc0) === 0x80) point = (point << 6) | (bytes[at + n++]! & 0x3f)
      if (length && n < length && at + n === bytes.length) break
      const isWrong = !length || n < length || (length === 3 && point < 0x800) || (length === 4 && (point < 0x10000 || point > 0x10ffff)) || (point >= 0xd800 && point < 0xe000)
      text += isWrong ? '\ufffd' : String.fromCodePoint(point)
      at += isWrong ? Math.max(1, n < length ? n : 1) : length
    }
    rest = bytes.slice(at)
    return text
  }
}

/** Reads events out of text that arrives in pieces (HTML, section 9.2.6). */
export function parser(found: (event: ServerSentEvent) => void): (text: string) => void {
  let line = ''
  let event = ''
  let data: string[] = []
  let id = ''
  let afterReturn = false
  let isFirst = true

  const end = (): void => {
    if (!line) {
      if (data.length > 0) found({ event: event || 'message', data: data.join('\n'), id })
      event = ''
      data = []
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else if (field === 'id' && value.indexOf('\0') < 0) id = value
  }
  return (text) => {
    for (const char of text) {
      if (isFirst) {
        isFirst = false
        if (char === '\ufeff') continue
      }
      if (char === '\n' && afterReturn) {
        afterReturn = false
        continue
      }
      afterReturn = char === '\r'
      if (char === '\n' || char === '\r') {
        end()
        line = ''
      } else line += char
    }
  }
}

/** Sends the request and iterates over its events. It throws what the client rejects with, and for a status that is no 2xx. */
export function stream(client: Client, options: RequestOptions): EventStream {
  const ready: ServerSentEvent[] = []
  const waiting: { resolve: (result: IteratorResult<ServerSentEvent>) => void; reject: (error: unknown) => void }[] = []
  let over: { error?: unknown } | undefined
  const done = { done: true as const, value: undefined }

  const read = parser((value) => {
    const next = waiting.shift()
    if (next) next.resolve({ done: false, value })
    else ready.push(value)
  })
  const finish = (error?: unknown): void => {
    over = over ?? { error }
    for (const { resolve, reject } of waiting.splice(0)) {
      if (error) reject(error)
      else resolve(done)
    }
  }

  const decode = utf8()
  let status = 200
  let hasChunks = false
  const task = client.request<string>(Object.assign(
    { enableChunked: true, responseType: 'text', dataType: 'text', timeout: 600000 },
    options,
    { header: Object.assign({ accept: 'text/event-stream' }, options.header) },
  ))
  task.onHeadersReceived(({ statusCode = 200 }) => {
    status = statusCode
  })
  task.onChunkReceived(({ data }) => {
    if (status > 299) return
    hasChunks = true
    read(decode(new Uint8Array(data)))
  })
  task.then((answer: Answer<string>) => {
    const body = wanted(answer)
    // A host that knows no pieces hands the whole over at the end.
    if (!hasChunks && typeof body === 'string') read(body)
    finish()
  }).catch(finish)

  const abort = (): void => {
    finish()
    ready.length = 0
    task.abort()
  }
  const events = {
    abort,
    next: () =>
      new Promise<IteratorResult<ServerSentEvent>>((resolve, reject) => {
        const value = ready.shift()
        if (value) resolve({ done: false, value })
        else if (over?.error) {
          const { error } = over
          over = {}
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is what the client rejected with
          reject(error)
        } else if (over) resolve(done)
        else waiting.push({ resolve, reject })
      }),
    return: () => {
      abort()
      return Promise.resolve(done)
    },
  }
  return Object.assign(events, { [Symbol.asyncIterator]: () => events }) as unknown as EventStream
}
