/**
 * A host for browsers (and other places with `fetch`): answers in `wx`'s shape by fetch and XMLHttpRequest.
 * What tabs need of one another is in tabs.ts.
 */
import { parsed } from '../answers'
import type { Host, HostCall, HostResult } from '../host'
import { tabLock, watchKey } from './tabs'

/** What the page may choose. In no words of the DOM's: these types are read in mini programs too. */
export interface FetchHostOptions {
  /** `globalThis.fetch` unless said otherwise. */
  fetch?: (url: string, init: HostResult) => Promise<HostResult>
  /** Where the session is kept. `localStorage` unless said otherwise; without one, in memory. */
  storage?: {
    getItem: (key: string) => string | null
    setItem: (key: string, value: string) => void
    removeItem: (key: string) => void
  }
  /** As in fetch, for uploads too; the browser's own default unless said otherwise. */
  credentials?: 'include' | 'omit' | 'same-origin'
}

type Sent = HostCall & {
  url: string
  method?: string
  data?: unknown
  header?: Record<string, string>
  responseType?: string
  enableChunked?: boolean
}

/** Makes the host. Nothing is touched until it is used, so that it can be made where there is no page yet. */
export function fetchHost(options: FetchHostOptions = {}): Host {
  const memory = new Map<string, string>()
  const inMemory = {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => void memory.set(key, value),
    removeItem: (key: string) => void memory.delete(key),
  }
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the types are a page's; elsewhere there is none
  const storage = () => options.storage ?? globalThis.localStorage ?? inMemory

  const run = (sent: Sent, read: (response: Response, header: Record<string, string>) => Promise<object>) => {
    // The client has a timer for each call, and aborts what is late.
    const gaveUp = new AbortController()
    const { url, body, header } = encode(sent)
    const fetching = options.fetch ?? fetch
    const init: RequestInit = { method: sent.method ?? 'GET', headers: header, signal: gaveUp.signal }
    if (body !== undefined) init.body = body
    if (options.credentials) init.credentials = options.credentials
    fetching(url, init)
      .then((response: Response) => {
        const received: Record<string, string> = {}
        response.headers.forEach((value, name) => {
          received[name] = value
        })
        return read(response, received).then((result) => Object.assign({ statusCode: response.status, header: received }, result))
      })
      .then(sent.success, sent.fail)
    return gaveUp
  }

  return {
    request(sent: Sent) {
      let headers: (event: object) => void = () => undefined
      let chunk: (event: object) => void = () => undefined
      const gaveUp = run(sent, (response, header) => {
        if (sent.enableChunked && response.body) {
          headers({ statusCode: response.status, header })
          return pieces(response.body, (piece) => { chunk({ data: piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength) }) }).then(() => ({ data: '' }))
        }
        return sent.responseType === 'arraybuffer'
          ? response.arrayBuffer().then((data) => ({ data }))
          : response.text().then((text) => ({ data: parsed(text) }))
      })
      return {
        abort: () => { gaveUp.abort() },
        onHeadersReceived: (listener: typeof headers) => { headers = listener },
        onChunkReceived: (listener: typeof chunk) => { chunk = listener },
      }
    },

    downloadFile(sent: Sent) {
      let report: (progress: object) => void = () => undefined
      const gaveUp = run(sent, (response, header) =>
        response.ok
          ? collect(response, Number(header['content-length']), (progress) => { report(progress) })
            .then((blob) => ({ tempFilePath: URL.createObjectURL(blob) }))
          : Promise.resolve({}),
      )
      return {
        abort: () => { gaveUp.abort() },
        onProgressUpdate: (listener: typeof report) => { report = listener },
      }
    },

    // fetch tells nothing of an upload's progress; XMLHttpRequest does, and cannot leave cookies out.
    uploadFile(sent: Sent & { filePath: Blob; name: string; formData?: Record<string, string> }) {
      const form = new FormData()
      for (const [name, value] of Object.entries(sent.formData ?? {})) form.append(name, value)
      form.append(sent.name, sent.filePath)
      if (options.credentials === 'omit') {
        const header = without(sent.header ?? {}, 'content-type')
        const gaveUp = run({ ...sent, method: 'POST', header, data: form }, (response) => response.text().then((data) => ({ data })))
        return { abort: () => { gaveUp.abort() } }
      }
      const xhr = new XMLHttpRequest()
      xhr.open('POST', sent.url)
      xhr.withCredentials = options.credentials === 'include'
      for (const [name, value] of Object.entries(sent.header ?? {})) {
        // The browser writes the content type itself, with the boundary of the parts.
        if (name.toLowerCase() !== 'content-type') xhr.setRequestHeader(name, value)
      }
      xhr.onload = () => {
        sent.success({ statusCode: xhr.status, data: xhr.responseText, header: headersOf(xhr) })
      }
      xhr.onerror = xhr.onabort = (event) => {
        sent.fail({ errMsg: 'uploadFile:fail ' + event.type })
      }
      // Listeners that come after send() hear nothing.
      let report: (progress: object) => void = () => undefined
      xhr.upload.onprogress = ({ loaded, total }) => {
        report({ progress: percent(loaded, total), totalBytesSent: loaded, totalBytesExpectedToSend: total })
      }
      xhr.send(form)
      return {
        abort: () => { xhr.abort() },
        onProgressUpdate: (listener: typeof report) => { report = listener },
      }
    },

    getStorageSync: (key) => storage().getItem(key),
    setStorageSync: (key, value) => {
      storage().setItem(key, value)
    },
    removeStorageSync: (key) => {
      storage().removeItem(key)
    },

    onAppShow(listener) {
      if (typeof document === 'undefined') return
      document.addEventListener('visibilitychange', shown(listener))
      addEventListener('online', listener)
    },
    offAppShow(listener) {
      if (typeof document === 'undefined') return
      document.removeEventListener('visibilitychange', shown(listener))
      removeEventListener('online', listener)
    },

    withLock: tabLock,
    watchStorage: watchKey,
  }
}

const whenShown = new WeakMap<() => void, () => void>()

/** The listener, called only when the page came into view; the same function each time, so that it can be removed. */
function shown(listener: () => void): () => void {
  const existing = whenShown.get(listener)
  if (existing) return existing
  const made = () => {
    if (document.visibilityState === 'visible') listener()
  }
  whenShown.set(listener, made)
  return made
}

/** `data` as `wx.request` sends it: in the address for GET, as a form where the header says so, else as JSON. */
function encode({ url, method = 'GET', data, header = {} }: Sent): { url: string; header: Record<string, string>; body?: BodyInit } {
  if (data === undefined || data === null) return { url, header: without(header, 'content-type') }
  const isPlain = Object.prototype.toString.call(data) === '[object Object]'
  if (isPlain && (method === 'GET' || method === 'HEAD')) {
    const query = pairs(data).toString()
    return { url: query ? url + (url.includes('?') ? '&' : '?') + query : url, header }
  }
  if (!isPlain && !Array.isArray(data)) return { url, header, body: data as BodyInit }
  const type = Object.keys(header).find((name) => name.toLowerCase() === 'content-type')
  if (type !== undefined && /x-www-form-urlencoded/i.test(header[type] ?? '')) return { url, header, body: pairs(data) }
  return { url, header: type === undefined ? Object.assign({ 'content-type': 'application/json' }, header) : header, body: JSON.stringify(data) }
}

function pairs(data: object): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(data)) {
    if (value !== undefined && value !== null) query.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  return query
}

function without(header: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(header).filter(([key]) => key.toLowerCase() !== name))
}

function headersOf(xhr: XMLHttpRequest): Record<string, string> {
  const header: Record<string, string> = {}
  for (const line of xhr.getAllResponseHeaders().split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) header[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return header
}

/** Reads a body, telling how far it is. */
function collect(response: Response, total: number, report: (progress: object) => void): Promise<Blob> {
  const type = response.headers.get('content-type') ?? ''
  if (!response.body) return response.blob()
  const chunks: BlobPart[] = []
  let got = 0
  return pieces(response.body, (piece) => {
    chunks.push(piece)
    got += piece.length
    report({ progress: percent(got, total), totalBytesWritten: got, totalBytesExpectedToWrite: total || 0 })
  }).then(() => new Blob(chunks, { type }))
}

/** Reads a body piece by piece. */
function pieces(body: ReadableStream<Uint8Array<ArrayBuffer>>, take: (piece: Uint8Array<ArrayBuffer>) => void): Promise<void> {
  const reader = body.getReader()
  const next = (): Promise<void> =>
    reader.read().then(({ done, value }) => {
      if (done) return
      take(value)
      return next()
    })
  return next()
}

function percent(done: number, total: number): number {
  return total > 0 ? Math.floor((done / total) * 100) : 0
}
