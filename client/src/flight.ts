/**
 * The one login or refresh that everybody waits for. It decides which of the two is needed, repeats it within bounds,
 * and throws away what arrives for a user who is gone. There is a promise to join, and no flag beside a list:
 * whoever waits is settled, because the promise settles.
 */
import { readTokens } from './answers'
import { AuthError, type ClientError, NetworkError } from './errors'
import type { Store } from './tokens'
import type { ClientOptions, ClientResponse, Paths, Tokens, User } from './types'
import { call, limit, nothing, post, wait } from './wire'

/** A limit for `wx.login` and for each call to the service's authentication, in milliseconds. */
export const CALL_LIMIT = 10000
/** All tries of a refresh together. */
const TRIES_LIMIT = 15000
/** After a login that was refused, until the next one. */
const REFUSAL_PAUSE = 3000
/** The longest `Retry-After` that is believed. */
const LONGEST_PAUSE = 60000

/** One call for tokens, in so many milliseconds at most. */
type Attempt = (milliseconds: number) => Promise<Tokens & { user?: User }>

interface Flight {
  explicit: boolean
  promise: Promise<string>
}

export interface FlightParts {
  options: ClientOptions
  paths: Paths
  storageKey: string
  store: Store
  now: () => number
  /** Takes over what another tab stored meanwhile. */
  sync: () => void
  accepted: (isLogin: boolean, tokens: Tokens & { user?: User }) => void
  failed: (type: 'loginFailed' | 'refreshFailed', error: ClientError) => void
  /** Ends a session that nobody holds any more. */
  revoke: (refreshToken?: string) => unknown
}

export interface Flights {
  /** Joins the flight under way, or starts one. Resolves with an access token. `explicit`: a login, whatever is held. */
  start: (explicit?: boolean, code?: string) => Promise<string>
  current: () => Flight | undefined
  /** Good tokens came from elsewhere: but for a login that was asked for, nobody needs what is under way. */
  settle: () => void
  /** This user has the session now, or nobody: what is under way ends as nobody's, a login that was asked for only after a logout. */
  drop: (user?: string) => void
  /** Whether a renewal ahead of time failed so recently that it is not worth repeating yet. */
  isPausing: () => boolean
}

export function createFlights(parts: FlightParts): Flights {
  const { options, paths, storageKey, store, now } = parts
  const { host, getCode, appId, deviceId, deviceName } = options
  const canLogIn = !!(getCode || host.login)
  /** Count what ends a flight: any change of the user, and logouts alone. */
  let changes = 0
  let logouts = 0
  let flight: Flight | undefined
  /** Settles when the last flight has: there is never a second one on the wire, not even beside one that was dropped. */
  let tail: Promise<unknown> = Promise.resolve()
  let failure: { error: ClientError; at: number; pause: number } | undefined

  /** Whether the last failure is less than `pause` old. A clock that jumped, either way, ends the pause. */
  const within = (pause: number): boolean => !!failure && Math.abs(now() - failure.at) < pause

  const ask = (path: string, data: object, milliseconds: number) =>
    post(options, path, data, milliseconds).answer.then((response: ClientResponse) => readTokens(response, now()))

  const newCode = (milliseconds: number): Promise<string> => {
    if (!canLogIn) return Promise.reject(new AuthError('login_required', 'give getCode, or call login(code)'))
    const code = getCode
      ? limit(Promise.resolve().then(getCode), milliseconds, nothing).catch((cause: ClientError) => {
          throw cause instanceof NetworkError ? cause : new AuthError('no_code', 'getCode failed', { cause })
        })
      : call(host, 'login', {}, milliseconds).answer.then((result: { code?: string }) => result.code)
    return code.then((value) => {
      if (!value) throw new NetworkError('no_code', 'no code')
      return value
    })
  }

  const start = (explicit = false, code?: string): Promise<string> => {
    if (flight && (!explicit || (flight.explicit && !code))) return flight.promise
    if (!explicit && store.isLoggedOut()) return Promise.reject(gone())
    // A refused login does not hold up a code that somebody has just brought.
    if (failure && within(failure.pause) && (!code || failure.error.retryable)) return Promise.reject(failure.error)
    // A login that was asked for is ended by a logout alone, whoever else logs in meanwhile.
    const count = (): number => (explicit ? logouts : changes)
    const counted = count()
    const isOver = (): boolean => count() !== counted
    const from = store.token()
    let isLogin = false

    /** Whether another tab has done the work meanwhile. */
    const isDone = (): boolean => {
      parts.sync()
      if (isOver()) throw gone()
      return store.token() !== from && store.usable()
    }
    const accept = (tokens: Tokens & { user?: User }): string => {
      // Another tab may have logged out while this answer was on its way.
      parts.sync()
      if (isOver()) {
        parts.revoke(tokens.refreshToken)
        throw gone()
      }
      // Whoever hears of the new tokens finds a session that is settled, and not one that is being renewed still.
      if (flight === mine) flight = undefined
      // A refresh that another tab was faster with needs no second one.
      if (isLogin || store.token() === from) parts.accepted(isLogin, tokens)
      return store.token()
    }

    /** Tries up to three times, after 0.3 s and 0.9 s, while the error may pass. Time that the app slept does not count. */
    const exchange = (attempt: Attempt): Promise<string> => {
      let left = TRIES_LIMIT
      let delay = 300
      let trouble: ClientError | undefined
      const again = (): ReturnType<Attempt> => {
        const most = Math.min(CALL_LIMIT, left)
        const began = now()
        return attempt(most).catch((error: ClientError) => {
          const pause = Math.max(delay * (0.75 + (options.random || Math.random)() / 2), error.retryAfter || 0)
          left -= Math.max(0, Math.min(most, now() - began)) + pause
          if (!error.retryable || delay > 900 || left <= 0) {
            // A code that was brought may have been spent by a try whose answer was lost: then nobody refused it.
            throw code && trouble && error.code === 'code_used' ? trouble : error
          }
          trouble = trouble || error
          delay *= 3
          return wait(pause).then(() => {
            if (isOver()) throw error
            return again()
          })
        })
      }
      return again().then(accept)
    }

    const refresh = (): Promise<string> =>
      exchange((milliseconds) => ask(paths.refresh, { refreshToken: store.held()!.refreshToken }, milliseconds))

    const logIn = (): Promise<string> => {
      let fresh = 2
      const attempt: Attempt = (milliseconds) =>
        (code ? Promise.resolve(code) : newCode(milliseconds)).then((value) => {
          if (isOver()) throw gone()
          return ask(paths.login, { code: value, appId, deviceId, deviceName }, milliseconds).catch((error: ClientError) => {
            // The code was spent on an answer that got lost, or is too old: a new one may do (WeChat 40163, 40029).
            // A code that somebody brought stands for that person, and is never replaced by the device's own.
            if (!code && /^(code_used|invalid_code)$/.test(error.code) && --fresh) return attempt(milliseconds)
            throw error
          })
        })
      isLogin = true
      return exchange(attempt)
    }

    const work = (): Promise<string> =>
      Promise.resolve().then(() => {
        const done = isDone()
        if (explicit) return logIn()
        if (done) return store.token()
        const held = store.held()
        if (!held || !held.refreshToken || (canLogIn && store.isTooOld())) return logIn()
        return refresh().catch((error: ClientError) => {
          if (error.retryable || isOver()) throw error
          // Refused for good. A tab without locks may have been faster: then its tokens are the good ones.
          if (isDone()) return store.token()
          // Only what is known to be dead is dropped: the access token may be good to its own end.
          store.write(Object.assign({}, store.held(), { refreshToken: '' }))
          return logIn()
        })
      })

    const promise = tail.then(() => (host.withLock ? host.withLock(storageKey, CALL_LIMIT, work) : work()))
    const mine: Flight = (flight = { explicit, promise })
    const landed = (error?: ClientError): void => {
      if (flight === mine) flight = undefined
      if (isOver()) return
      failure = error && { error, at: now(), pause: error.retryable ? Math.min(error.retryAfter || 0, LONGEST_PAUSE) : REFUSAL_PAUSE }
      if (error) parts.failed(isLogin ? 'loginFailed' : 'refreshFailed', error)
    }
    tail = promise.then(() => {
      landed()
    }, landed)
    return promise
  }

  const settle = (): void => {
    if (flight && !flight.explicit) flight = undefined
  }

  return {
    start,
    current: () => flight,
    settle,
    drop: (user) => {
      changes++
      settle()
      if (user) return
      logouts++
      flight = undefined
    },
    isPausing: () => within(REFUSAL_PAUSE),
  }
}

/** What a request of an earlier user, or a flight for one, ends with. */
export function gone(): AuthError {
  return new AuthError('logged_out', 'logged out; call login()')
}
