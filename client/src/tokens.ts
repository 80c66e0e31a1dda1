/** The session that is held: its place in memory and storage, and how old it is. It sends nothing and decides nothing. */
import type { Host } from './hosts/wx'
import type { Tokens, User } from './types'

/** What the storage holds, as JSON under one key. Without an access token it says that the user logged out. */
export interface Stored extends Partial<Tokens> {
  /** Version of this form; others are ignored. */
  v: 1
  /** Counts writes, over all tabs: the greater number is the newer, whatever any clock says. */
  n: number
  /** When the tokens were received. */
  at: number
  user?: User
}

/** How old the access token is by this device's clock: far from its end (or the clock cannot tell, and the service will), … */
export const GOOD = 0
/** … within its last 60 s or its last tenth, whichever is shorter, … */
export const ENDING = 1
/** … or past its end. */
export const OVER = 2

/** The session of one storage key. Memory comes first: a storage that fails costs a restart's memory only. */
export interface Store {
  /** What is held; `undefined` when nothing is known. The first call reads the storage (nothing is read at import). */
  held: () => Stored | undefined
  /** Takes over what another tab wrote since; what is older than memory is left. Whether anything was taken over. */
  reread: () => boolean
  /** Replaces the session; with nothing in it, records that the user logged out. */
  write: (session: Partial<Stored>) => void
  /** The present access token; empty when there is none. */
  token: () => string
  /** Notes that the service refused this access token, so that it is not sent again; without one, forgets which it was. */
  refuse: (token?: string) => void
  isRefused: () => boolean
  isLoggedOut: () => boolean
  userId: () => string | undefined
  /** `GOOD`, `ENDING` or `OVER`. */
  age: () => number
  /** Whether the present token may be sent: there is one, nobody refused it, and its time is not over. */
  usable: () => boolean
  /** Whether the refresh token's time is over, by this device's clock. */
  isTooOld: () => boolean
}

export function createStore(host: Host, key: string, now: () => number, onWriteFailed: (cause: unknown) => void): Store {
  let held: Stored | undefined
  let refused: string | undefined
  let wasRead = false

  const count = (): number => (held ? held.n : 0)
  const token = (): string => (held && held.accessToken) || ''
  const spent = (): number => now() - held!.at
  const isRefused = (): boolean => token() === refused

  const reread = (): boolean => {
    const before = held
    wasRead = true
    try {
      const read = JSON.parse(host.getStorageSync(key) as string) as Omit<Stored, 'v'> & { v: number }
      if (read.v === 1 && read.n > count()) held = read as Stored
    } catch {
      // Nothing there (null has no `v`), no JSON, or no storage: memory is what counts.
    }
    return held !== before
  }

  const age = (): number => {
    const life = held!.expiresIn! * 1000
    // A clock that went backwards, or no lifetime at all: unknown (comparisons with NaN are false).
    return spent() > life - Math.min(60000, life / 10) ? (spent() < life ? ENDING : OVER) : GOOD
  }

  return {
    held: () => {
      if (!wasRead) reread()
      return held
    },
    reread,
    write: (session) => {
      held = Object.assign({ at: now() }, session, { v: 1 as const, n: count() + 1 })
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
    },
    token,
    refuse: (old) => {
      refused = old
    },
    isRefused,
    isLoggedOut: () => !!held && !token(),
    userId: () => held && held.user && held.user.id,
    age,
    usable: () => !!token() && !isRefused() && age() < OVER,
    isTooOld: () => spent() >= held!.refreshExpiresIn! * 1000,
  }
}
