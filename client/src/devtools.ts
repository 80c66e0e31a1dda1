/**
 * `@wugan/client/devtools`, for development: a client that tells each of its decisions in one line, never with a token
 * or a code, and a time line of its calls.
 */
import { type Client, type ClientOptions, createClient as create, type HostCall } from './index'

/** One call of the client's, or one event of its session. */
export interface Entry {
  /** Milliseconds since the client was made. */
  at: number
  /** Milliseconds until its answer; absent while it is on the wire, and for events. */
  took?: number
  kind: 'request' | 'refresh' | 'login' | 'event'
  /** `GET /orders`, `wx.login`, `loggedIn`. */
  what: string
  /** The status, `failed`, or the code of an error. */
  result?: string
}

export interface DebugOptions {
  /** Tells each decision: to the console, or to a function. @default false */
  debug?: boolean | ((line: string) => void)
  /** Is called whenever an entry was added or answered. */
  onEntry?: (entry: Entry, all: Entry[]) => void
}

/** `createClient`, with `debug: true`. In a build for production, take it from `@wugan/client`. */
export function createClient(options: ClientOptions & DebugOptions): Client {
  const { debug, onEntry } = options
  const log = typeof debug === 'function' ? debug : debug ? (line: string) => { console.log('[wugan] ' + line) } : () => undefined
  const now = options.now ?? (() => Date.now())
  const began = now()
  const entries: Entry[] = []

  const add = (entry: Entry): Entry => {
    entries.push(entry)
    if (entries.length > 200) entries.shift()
    onEntry?.(entry, entries)
    return entry
  }
  /** The path alone: a query may hold private data. */
  const pathOf = (url: string): string => (url.startsWith(options.baseURL) ? url.slice(options.baseURL.replace(/\/+$/, '').length) : url).split(/[?#]/)[0] ?? ''

  const host = Object.assign({}, options.host)
  for (const name of ['request', 'uploadFile', 'downloadFile', 'login'] as const) {
    const original = options.host[name]
    if (!original) continue
    host[name] = (sent: HostCall & { url?: string; method?: string }) => {
      const path = pathOf(sent.url ?? '')
      const kind = name === 'login' || path.endsWith('/auth/login') ? 'login' : path.endsWith('/auth/refresh') ? 'refresh' : 'request'
      const what = name === 'login' ? 'host.login' : `${sent.method ?? (name === 'uploadFile' ? 'POST' : 'GET')} ${path}`
      const entry = add({ at: now() - began, kind, what })
      log('→ ' + what)
      const settled = (result: string): void => {
        entry.took = now() - began - entry.at
        entry.result = result
        log(`← ${what} ${result} after ${String(entry.took)} ms${result === '401' && kind === 'request' ? ': the token is renewed, and the request sent again, unless it was' : ''}`)
        onEntry?.(entry, entries)
      }
      return original.call(options.host, {
        ...sent,
        success: (result: { statusCode?: number }) => {
          settled(result.statusCode === undefined ? 'ok' : String(result.statusCode))
          sent.success(result)
        },
        fail: (error: { statusCode?: number; status?: number } | undefined) => {
          settled(String(error?.statusCode ?? error?.status ?? 'failed'))
          sent.fail(error)
        },
      })
    }
  }
  const client = create({ ...options, host })
  client.onAuthStateChange(({ type, session, error }) => {
    const result = error?.code ?? session.reason
    add({ at: now() - began, kind: 'event', what: type, ...(result ? { result } : {}) })
    log(`${type}: ${session.state}${result ? ', ' + result : ''}`)
  })
  return client
}

/** The little of a page that the time line needs: these types are read in mini programs too. */
interface PageElement {
  textContent: string | null
  className: string
  style: { cssText: string }
  ownerDocument: { createElement: (name: string) => PageElement }
  append: (...children: PageElement[]) => void
  replaceChildren: (...children: PageElement[]) => void
}

const COLOURS = { request: '#2f6f4f', refresh: '#b7791f', login: '#2b6cb0', event: '#8a8578' }

/** Draws the entries into an element of a page, newest last: `onEntry: (_, all) => drawTimeline(element, all)`. */
export function drawTimeline(element: unknown, entries: readonly Entry[]): void {
  const page = element as PageElement
  const make = (css: string, text = ''): PageElement => {
    const made = page.ownerDocument.createElement('div')
    made.style.cssText = css
    made.textContent = text
    return made
  }
  const shown = entries.slice(-30)
  const first = shown[0]?.at ?? 0
  const last = Math.max(first + 1, ...shown.map(({ at, took = 0 }) => at + took))
  const share = (time: number): string => ((time / (last - first)) * 100).toFixed(2) + '%'
  page.replaceChildren(...shown.map(({ at, took, kind, what, result }) => {
    const row = make('display:grid;grid-template-columns:minmax(12em,1fr) 3fr 6em;gap:8px;font:12px/1.8 ui-monospace,monospace')
    const lane = make('position:relative')
    lane.append(make(`position:absolute;top:25%;height:50%;min-width:3px;border-radius:2px;left:${share(at - first)};width:${share(took ?? 0)};background:${COLOURS[kind]}`))
    row.append(make('overflow:hidden;text-overflow:ellipsis;white-space:nowrap', what), lane, make('', result ?? (kind === 'event' ? '' : '…')))
    return row
  }))
}
