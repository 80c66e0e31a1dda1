/** The session that is held: its place in memory and storage, and how old it is. It sends nothing and decides nothing. */
import { parsed } from './answers'
import type { Host } from './host'
import { isShared } from './tabs'
import type { Tokens, User } from './types'

/** What every stored record has, as JSON under one key. */
interface Mark {
  /** Version of this form; others are ignored. */
  v: 1
  /** Counts writes, so that no two records are the same text. */
  n: number
  /** The service that the tokens are for: they are never sent to another. */
  base: string
}

/** A session: there are tokens. */
export interface Live extends Mark, Tokens {
  /** When the call that brought the tokens was sent, in milliseconds since 1970. */
  at: number
  user?: User
  /** When a refresh was last given up without an answer, in milliseconds since 1970. */
  doubt?: number
}

/** A session that ended: by the user or the service, or (`refused`) because no silent login got through. */
export interface Ended extends Mark {
  accessToken?: undefined
  reason?: string
  refused?: boolean
}

/** How old the access token is by this device's clock: far from its end (or the clock cannot tell, and the service will), … */
export const GOOD = 0
/** … within its last 60 s or its last tenth, whichever is shorter, … */
export const ENDING = 1
/** … or past its end; or there is none. */
export const OVER = 2

/** The session of one storage key. Memory comes first: a storage that fails costs a restart's memory only. */
export interface Store {
  /** What is held: a session, one that ended, or nothing. The first call reads the storage (nothing is read at import). */
  held: () => Live | Ended | undefined
  /** The session that is held, if there is one. */
  live: () => Live | undefined
  /** Reads the storage again, and takes over what another tab or the app wrote or removed. Reports whether anything changed. */
  reread: () => boolean
  /** Replaces what is held: by a session, or by the mark of one that ended. */
  write: (record: Partial<Live> | Partial<Ended>) => void
  /** The present access token; empty when there is none. */
  token: () => string
  /** `GOOD`, `ENDING` or `OVER`: the present token may be sent until then. */
  age: () => number
}

export function createStore(host: Host, key: string, base: string, now: () => number, onWriteFailed: (cause: unknown) => void): Store {
  let held: Live | Ended | undefined
  /** What the storage held when it was last looked at, as JSON: what differs from it was written by another tab or the app. */
  let seen: string | undefined

  const read = (): unknown => {
    try {
      return host.getStorageSync(key) || ''
    } catch {
      return ''
    }
  }
  const write: Store['write'] = (record) => {
    held = Object.assign({}, record, { v: 1 as const, n: held ? held.n + 1 : 1, base }) as Live | Ended
    try {
      host.setStorageSync(key, JSON.stringify(held))
    } catch (cause) {
      // A full storage can still forget: the old tokens must not outlive a logout, nor be replayed after a restart.
      try {
        host.removeStorageSync(key)
      } catch {
        // Then it can do nothing at all, which the event says.
      }
      onWriteFailed(cause)
    }
    // A storage that keeps nothing must not look like a change later.
    seen = JSON.stringify(read())
  }
  const reread = (): boolean => {
    const text = read()
    const before = held
    const earlier = seen
    seen = JSON.stringify(text)
    if (seen === earlier) return false
    const record = (parsed(text) || {}) as { v?: number; base?: string }
    held = record.v === 1 && record.base === base ? (record as Live | Ended) : undefined
    if (!held && before) {
      // The storage was emptied. A logout stays one; a session ends where the storage is shared with tabs, else a silent login follows.
      if (!before.accessToken) write(before)
      else if (isShared(host)) held = { v: 1, n: before.n, base }
    }
    return held !== before
  }
  const get = (): Live | Ended | undefined => {
    if (seen === undefined) reread()
    return held
  }
  const live = (): Live | undefined => {
    const record = get()
    return record && record.accessToken ? record : undefined
  }

  return {
    held: get,
    live,
    reread,
    write,
    token: () => (live() || { accessToken: '' }).accessToken,
    age: () => {
      const { at, expiresIn } = live() || { at: 0, expiresIn: 0 }
      const life = expiresIn * 1000
      const left = at + life - now()
      // A clock that went backwards, or no lifetime at all: unknown (comparisons with NaN are false).
      return left <= 0 ? OVER : left < Math.min(60000, life / 10) ? ENDING : GOOD
    },
  }
}
