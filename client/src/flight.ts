/**
 * The one login or refresh that all requests wait for. It decides which of the two is needed, repeats it within limits,
 * and discards tokens that arrive for a user who has logged out. Requests wait on one promise, so all of them settle
 * when it does.
 */
import { type Grant, parsed, readTokens } from './answers'
import { AuthError, ClientError, NetworkError } from './errors'
import { gone, type Sessions } from './session'
import { type Ended, OVER } from './store'
import { locked } from './tabs'
import type { ClientOptions, ClientResponse, LoginRequest, Paths } from './types'
import { type Call, call, limit, nothing, post, wait } from './wire'

/** A limit for `wx.login` and for each call to the service's authentication, in milliseconds. */
export const CALL_LIMIT = 10000
/** All tries of a refresh together. */
const TRIES_LIMIT = 15000
/** After a login that was refused, until the next one; it doubles with each further refusal, … */
const REFUSAL_PAUSE = 3000
/** … up to this. */
const LONGEST_REFUSAL_PAUSE = 300000
/** The longest `Retry-After` that is believed. */
const LONGEST_PAUSE = 60000

/** A login or refresh that is under way. */
interface Flight {
  /** Whether it was asked for by `login()`. */
  explicit: boolean
  promise: Promise<string>
  /** Settles the promise with something else, and makes the flight's own result be discarded. */
  stop: (instead?: string | Promise<string>) => void
}

interface Failure {
  error: ClientError
  at: number
  pause: number
}

export interface Flights {
  /**
   * Joins the flight under way, or starts one. Resolves with an access token. `login`: an explicit login,
   * whatever session there is; it aborts a refresh or a silent login. `dead`: the access token that the service refused.
   */
  start: (login?: LoginRequest, dead?: string) => Promise<string>
  isBusy: () => boolean
  /** Valid tokens came from elsewhere: ends the flight with them, unless it is an explicit login. */
  settle: () => void
  /** Ends the flight because this user has the session now, or, without one, because the session ended. An explicit login ends only in the second case. */
  drop: (user?: string) => void
  /** Whether a renewal ahead of time failed so recently that it is not worth repeating yet. */
  isPausing: () => boolean
}

/** `revoke` ends a session on the service that this device has no use for. */
export function createFlights(
  options: ClientOptions, paths: Paths, storageKey: string, now: () => number, session: Sessions,
  revoke: (refreshToken?: string) => unknown,
): Flights {
  const { host, getCode, appId, deviceName, unwrap } = options
  const { store } = session
  const random = options.random || Math.random
  /** The one that is joined. */
  let current: Flight | undefined
  /** What was sent last: there is never a second one on the wire. */
  let wire: Call | undefined
  /** Whether that is a login. */
  let isLogin = false
  let failure: Failure | undefined
  /** Grows with each silent login that is refused. */
  let refusals = 0
  let deadToken: string | undefined
  /** When a refresh last ended without the service's word: it may be handled later. */
  let doubt = 0
  let device = options.deviceId

  /** Whether a failure is less than `pause` old, its own if none is given. A clock that jumped, either way, ends the pause. */
  const within = (one: Failure | undefined, pause?: number): one is Failure =>
    !!one && Math.abs(now() - one.at) < (pause === undefined ? one.pause : pause)

  /** This device, for the service to know it again: made once, kept apart from the session. */
  const deviceId = (): string => {
    if (device === undefined) {
      const key = storageKey + '.device'
      try {
        device = host.getStorageSync(key) as string
        if (!device) host.setStorageSync(key, (device = (random() + '' + random()).slice(2)))
      } catch {
        // It lasts until a restart then.
      }
    }
    return device!
  }

  const newCode = (milliseconds: number): Promise<string> => {
    if (!getCode && !host.login) return Promise.reject(new AuthError('login_required', 'call login(code)'))
    const code = getCode
      ? limit(Promise.resolve().then(getCode), milliseconds, nothing).catch((cause: ClientError) => {
          throw cause instanceof ClientError ? cause : new AuthError('no_code', '', { cause })
        })
      : call(host, 'login', {}, milliseconds).answer.then((result: { code?: string }) => result.code)
    return code.then((value) => {
      if (!value) throw new NetworkError('no_code', '')
      return value
    })
  }

  const start: Flights['start'] = (login, dead) => {
    const explicit = !!login
    const { code, ticket, phoneCode } = login || ({})
    const brought = code || ticket
    if (dead) deadToken = dead
    if (current && (!explicit || (current.explicit && !brought && !phoneCode))) return current.promise
    // Another tab may have logged in. And a tab that emptied the storage after a logout has not.
    if (store.held() && !store.live()) session.sync()
    const ended = store.live() ? undefined : (store.held() as Ended | undefined)
    if (!explicit && ended && !ended.refused) return Promise.reject(gone(ended.reason))
    if (within(failure) && (failure.error.retryable || !explicit)) return Promise.reject(failure.error)
    const from = store.token()
    const mine = { explicit } as Flight
    const isOver = (): boolean => current !== mine

    /** Whether another tab has done the work meanwhile. */
    const isDone = (): boolean => {
      session.sync()
      if (isOver()) throw gone()
      return store.token() !== from && store.age() < OVER
    }
    const accept = (grant: Grant): string => {
      const wasLogin = isLogin
      // Another tab may have logged out while this answer was on its way, or have been faster.
      session.sync()
      if (isOver()) {
        if (wasLogin) revoke(grant.refreshToken)
        throw gone()
      }
      // Listeners are to see the state `authenticated`, not `renewing`.
      current = undefined
      if (wasLogin) doubt = 0 // it was of the session before
      session.accept(wasLogin, grant, doubt)
      return store.token()
    }

    const ask = (path: string, data: object, milliseconds: number): Promise<Grant> => {
      const sentAt = now()
      wire = post(options, path, data, milliseconds)
      return wire.answer.then((response: ClientResponse) => {
        wire = undefined
        return readTokens(unwrap ? Object.assign({}, response, { data: unwrap(parsed(response.data)) }) : response, sentAt, now())
      })
    }

    /** One call for tokens, in so many milliseconds at most. */
    const attempt = (milliseconds: number): Promise<Grant> =>
      isLogin
        ? (brought ? Promise.resolve(code) : newCode(milliseconds)).then((value) => {
            if (isOver()) throw gone()
            return ask(paths.login, Object.assign({ appId, deviceId: deviceId(), deviceName }, login, { code: value }), milliseconds)
          })
        : ask(paths.refresh, { refreshToken: store.live()!.refreshToken }, milliseconds)

    /** Tries up to three times, after 0.3 s and 0.9 s, while the error may pass. Time that the app slept does not count. */
    const exchange = (): Promise<string> => {
      let left = TRIES_LIMIT
      let delay = 300
      let hasNewCode = !brought
      let trouble: ClientError | undefined
      const again = (): Promise<Grant> => {
        const most = Math.min(CALL_LIMIT, left)
        const began = now()
        return attempt(most).catch((error: ClientError) => {
          const isSpent = /code_used|invalid_.*code/.test(error.code)
          // The code was spent on an answer that got lost, or is too old: a new one may do (WeChat 40163, 40029).
          // A code that the caller passed belongs to a certain person, and is never replaced by one of the device.
          if (isSpent && !phoneCode && hasNewCode) {
            hasNewCode = false
            return again()
          }
          if (!isLogin && error.retryable) doubt = now()
          const pause = Math.max(delay * (0.75 + random() / 2), error.retryAfter || 0)
          left -= Math.max(0, Math.min(most, now() - began)) + pause
          if (isOver() || !error.retryable || delay > 900 || left <= 0) {
            // A lost response may have used the caller's code: then `code_used` is not a refusal.
            throw trouble && isSpent && (code || phoneCode) ? trouble : error
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

    const work = (): Promise<string> =>
      Promise.resolve().then(() => {
        const done = isDone()
        const live = store.live()
        isLogin = explicit || !live || !live.refreshToken
        return done && !explicit ? store.token() : exchange().catch((error: ClientError) => {
          if (isLogin || error.retryable || isOver()) throw error
          // Refused for good. A tab without locks may have been faster: then its tokens are the good ones.
          if (isDone()) return store.token()
          // A session that was ended on purpose stays ended. After `replaced` and `merged` a silent login follows.
          if (error.reason && !/^(replaced|merged)$/.test(error.reason)) {
            session.end(error.reason)
            throw gone(error.reason)
          }
          // Only what is known to be dead is dropped: the access token may be good to its own end.
          if (store.live()) store.write(Object.assign({}, store.live(), { refreshToken: '' }))
          isLogin = true
          return exchange()
        })
      })

    mine.promise = new Promise((resolve, reject) => {
      mine.stop = (instead) => {
        current = undefined
        resolve(instead || Promise.reject(gone()))
      }
      Promise.resolve().then(() => (explicit ? work() : locked(host, storageKey, CALL_LIMIT, () => mine.promise, work))).then((token) => {
        isWell()
        resolve(token)
      }, (error: ClientError) => {
        if (!isOver()) {
          current = undefined
          failure = { error, at: now(), pause: Math.min(error.retryAfter || 0, LONGEST_PAUSE) }
          if (isLogin && !explicit && !error.retryable) {
            failure.pause = Math.min((refusals = refusals * 2 || REFUSAL_PAUSE), LONGEST_REFUSAL_PAUSE)
            session.refused(error, deadToken)
          }
          session.emit(isLogin ? 'loginFailed' : 'refreshFailed', error)
        }
        reject(error)
      })
    })
    const before = current
    current = mine
    if (wire) wire.abort()
    // Those who waited for a refresh or a silent login get this one's token; when it fails, they are where they were.
    if (before) {
      before.stop(mine.promise.catch((error: ClientError) => {
        if (error.retryable || before.explicit) throw error
        return start()
      }))
      current = mine
    }
    return mine.promise
  }

  const isWell = (): void => {
    failure = undefined
    refusals = 0
  }

  return {
    start,
    isBusy: () => !!current,
    settle: () => {
      isWell()
      if (current && !current.explicit) current.stop(store.token())
    },
    drop: (user) => {
      if (!current || (user && current.explicit)) return
      current.stop()
      // A refresh is of no use after a logout. A login goes on, so that its session can be revoked.
      if (wire && !isLogin) wire.abort()
    },
    isPausing: () => within(failure, REFUSAL_PAUSE),
  }
}
