/**
 * The wire between the page's clients and the service: every call goes through here, is slowed down so that it can
 * be seen, and is recorded. It also does what bad networks do, on demand: it drops an answer that was under way.
 * It decides nothing about tokens; that is the client's work, which the page is there to show.
 */

/** Who makes a call. */
export type Actor = 'phone' | 'tablet' | 'thief' | 'visitor' | 'alipay' | 'wechat'

/** What a call is about; an outage is no call, but drawn like one. */
export type Kind = 'request' | 'refresh' | 'login' | 'logout' | 'outage'

/** One call, from when it left until its answer arrived. Times are those of `performance.now()`. */
export interface Call {
  actor: Actor
  kind: Kind
  method: string
  path: string
  /** The X-Request-Id, which a request keeps when the client sends it again. */
  id: string
  began: number
  ended?: number
  /** The HTTP status, when the answer arrived. */
  status?: number
  /** The `code` of a problem document. */
  code?: string
  /** The server answered, and the answer was dropped. */
  lost?: boolean
}

/** Which service issues the next tokens: the usual one, or one whose access tokens live so long. */
export type Life = '' | '30s' | '1s'

export interface Wire {
  /** A `fetch` for one actor's client. */
  as: (actor: Actor) => typeof fetch
  life: Life
  /** Drops the answer to the next refresh. */
  loseNextRefresh: boolean
}

/** Milliseconds that a call takes at least; each of several at once takes a little longer than the one before. */
const SLOW = 420
const STAGGER = 45

const AUTH = /^\/api\/v1\/auth\/(login|refresh|logout)$/

/** `changed` is called when a call begins and again when it ends; not for calls that begin `backstage`, which are as fast as they can be. */
export function createWire(changed: (call: Call) => void, backstage: () => boolean): Wire {
  let onTheWay = 0
  const wire: Wire = { life: '', loseNextRefresh: false, as }
  return wire

  function as(actor: Actor): typeof fetch {
    return async (input, init = {}) => {
      const path = new URL(String(input), location.href).pathname
      const own = AUTH.exec(path)
      const kind = own ? (own[1] as Kind) : 'request'
      const header = (init.headers ?? {}) as Record<string, string>
      const call: Call = { actor, kind, method: init.method ?? 'GET', path, id: header['X-Request-Id'] ?? '', began: performance.now() }
      const address = wire.life && (kind === 'login' || kind === 'refresh') ? `/playground/life/${wire.life}${path}` : path
      if (backstage()) return fetch(address, init)
      const lose = kind === 'refresh' && wire.loseNextRefresh
      if (lose) wire.loseNextRefresh = false
      const slow = SLOW + STAGGER * onTheWay++
      changed(call)
      try {
        await pause(slow * 0.4, init.signal)
        const response = await fetch(address, init)
        if (!response.ok) call.code = await codeOf(response.clone())
        await pause(slow * 0.6, init.signal)
        if (lose) {
          call.lost = true
          throw new TypeError('the answer was dropped on its way')
        }
        call.status = response.status
        return response
      } finally {
        onTheWay--
        call.ended = performance.now()
        changed(call)
      }
    }
  }
}

/** Waits, unless the call is given up. */
function pause(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(new DOMException('given up', 'AbortError'))
    })
  })
}

async function codeOf(response: Response): Promise<string | undefined> {
  try {
    return ((await response.json()) as { code?: string }).code
  } catch {
    return undefined // no problem document
  }
}
