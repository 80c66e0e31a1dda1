/** The client: requests on one side, the shared flight on the other, and the events between them. */
import { parsed } from './answers'
import { AuthError, CancelError, type ClientError, NetworkError } from './errors'
import { CALL_LIMIT, createFlights, gone } from './flight'
import { createStore, GOOD } from './tokens'
import type {
  AuthEvent, AuthEventType, Client, ClientOptions, ClientResponse, CommonOptions, Paths, Progress, RequestOptions, Session, Task,
} from './types'
import { isUnder, join } from './url'
import { call, createPlaces, nothing, post, wait } from './wire'
import type { Call, HostMethod } from './wire'

/** A call of the caller's that has not settled. */
interface Pending {
  /** The user it is made for: `''` when nobody is known yet, `undefined` when it is nobody's. */
  owner: string | undefined
  /** Who listens to its progress. */
  progress: ((progress: Progress) => void)[]
  /** Takes it off the wire. */
  stop: () => void
  end: (error: ClientError) => void
}

/** Makes a client. Nothing is read or sent until it is used. */
export function createClient(options: ClientOptions): Client {
  const { host, baseURL } = options
  const now = options.now || (() => Date.now())
  const paths: Paths = Object.assign(
    { login: '/api/v1/auth/login', refresh: '/api/v1/auth/refresh', logout: '/api/v1/auth/logout' },
    options.paths,
  )
  const storageKey = options.storageKey || 'wugan'
  const timeout = options.timeout || 60000
  const isAuthError = options.isAuthError || ((response) => response.statusCode === 401)
  const attach = options.attach || ((header, token) => {
    header.Authorization = 'Bearer ' + token
  })
  // What builds for H5 leave of `uni` and `Taro` may have none: better told here than at each request.
  if (typeof host.request !== 'function') throw new TypeError('host.request is no function')
  const listeners = new Set<(event: AuthEvent) => void>()
  const pending = new Set<Pending>()
  const place = createPlaces(options.maxConcurrent || 9)
  const store = createStore(host, storageKey, now, (cause) => {
    emit('storageFailed', new NetworkError('storage', 'not stored', { cause }))
  })

  const getSession = (): Session => {
    const held = store.held()
    const flying = flights.current()
    const has = store.token()
    const session: Session = {
      state: flying ? (has ? 'renewing' : 'authenticating') : has ? 'authenticated' : held ? 'loggedOut' : 'anonymous',
    }
    if (has) {
      const { at, expiresIn, refreshExpiresIn, user } = held!
      Object.assign(session, { user, receivedAt: at, expiresAt: at + expiresIn! * 1000, refreshExpiresAt: at + refreshExpiresIn! * 1000 })
    }
    return session
  }

  const emit = (type: AuthEventType, error?: ClientError): void => {
    const event = { type, session: getSession(), error }
    listeners.forEach((tell) => {
      tell(event)
    })
  }

  /** Ends what waits or travels for the user before; with nobody given, for anybody. */
  const endOthers = (error: ClientError, user?: string): void => {
    flights.drop(user)
    pending.forEach((one) => {
      if (user ? one.owner && one.owner !== user : one.owner !== undefined) one.end(error)
    })
  }

  /** Says what became of the session, once the store holds the new one. */
  const changed = (before: string | undefined, type: AuthEventType): void => {
    const user = store.userId()
    if (before && user && before !== user) {
      endOthers(new AuthError('user_changed', 'another user logged in'), user)
      emit('userChanged')
    }
    emit(type)
  }

  /** Takes over what another tab stored. */
  const sync = (): void => {
    const before = store.userId()
    const had = store.token()
    if (!store.reread()) return
    if (store.token()) {
      if (store.usable()) flights.settle()
      changed(before, had && before === store.userId() ? 'refreshed' : 'loggedIn')
    } else if (had) {
      endOthers(gone())
      emit('loggedOut')
    }
  }

  /** Makes memory as new as the storage is: what is written then counts as newer than what another tab wrote. */
  const recall = (): void => {
    store.held()
    sync()
  }

  const revoke = (refreshToken?: string): Promise<void> =>
    !refreshToken
      ? Promise.resolve()
      : place('request').then((leave) =>
          // What cannot be revoked now ends by itself; the user is logged out here in any case.
          post(options, paths.logout, { refreshToken }, CALL_LIMIT).answer.then(leave, leave),
        )

  const flights = createFlights({
    options, paths, storageKey, store, now, sync, revoke, failed: emit,
    accepted: (isLogin, tokens) => {
      const before = store.userId()
      // An answer to a refresh names no user, and may leave the refresh token as it is (RFC 6749 6): both stay.
      store.write(Object.assign({}, !isLogin && store.held(), tokens, { at: now() }))
      // A service may hand out the refused token again: it counts as new, so that the second 401 is the end of it.
      store.refuse()
      changed(before, isLogin ? 'loggedIn' : 'refreshed')
    },
  })

  /** Resolves when there is a token that may be sent. `patient`: near its end, one that lasts is waited for. */
  const ready = (patient?: boolean): Promise<unknown> => {
    // Reads the storage, if nobody did.
    store.held()
    if (!store.usable()) return flights.start()
    const ahead = store.age() !== GOOD && !flights.isPausing() && flights.start().catch(nothing)
    // When the renewal fails, and the token is good still, it is used.
    return Promise.resolve(patient && ahead).then(() => (store.usable() ? undefined : ready()))
  }

  /** A promise for the caller that can be given up, and ends with its user. */
  const task = <T>(owner: string | undefined, run: (one: Pending) => Promise<T>): Task<T> => {
    const one: Pending = { owner, progress: [], stop: nothing, end: nothing }
    const promise = new Promise<T>((resolve, reject) => {
      pending.add(one)
      one.end = (error) => {
        if (pending.delete(one)) {
          reject(error)
          one.stop()
        }
      }
      run(one).then((value) => {
        if (pending.delete(one)) resolve(value)
      }, one.end)
    })
    return Object.assign(promise, {
      abort: () => {
        one.end(new CancelError())
      },
      onProgressUpdate: (listener: (progress: Progress) => void) => {
        one.progress.push(listener)
      },
    })
  }

  const owner = (): string => {
    store.held()
    return store.userId() || ''
  }

  const send = <R extends ClientResponse>(method: HostMethod, given: CommonOptions): Task<R> => {
    const url = join(baseURL, given.url)
    const { auth, retry } = given as RequestOptions
    // The authentication's own paths are left out: a 401 there is about something else.
    const isOwn = isUnder(baseURL, url) && ![paths.login, paths.refresh, paths.logout].some((path) => join(baseURL, path) === url)
    const withToken = auth === undefined ? isOwn : auth
    // A file is posted, without a method that says so. `| 0` makes a whole number of whatever was given.
    let repeats = method !== 'uploadFile' && (given.method || 'GET') === 'GET' ? retry! | 0 : 0
    let delay = 100
    let waits = 0
    let wasRefused = false

    return task(withToken ? owner() : undefined, (one) => {
      /** A request of a cold start is somebody's as soon as somebody is known. */
      const claim = (): void => {
        one.owner = owner()
      }
      const attempt = (): Promise<R> =>
        Promise.resolve(withToken && ready(method !== 'request').then(claim)).then(() => place(method)).then((leave) => {
          one.stop = leave
          if (!pending.has(one)) {
            leave()
            throw new CancelError()
          }
          // While it waited for a place, the token may have been refused, or run out (looked at twice at most: the
          // service has the last word on time, and a clock must not keep a request for ever).
          if (withToken && (store.isRefused() || (!store.usable() && waits++ < 2))) {
            leave()
            return attempt()
          }
          const token = store.token()
          const header = Object.assign({}, given.header)
          if (withToken) attach(header, token)
          const onWire: Call = call(host, method, Object.assign({}, given, { url, header }), given.timeout || timeout)
          onWire.onProgressUpdate((event) => {
            one.progress.forEach((listener) => {
              listener(event)
            })
          })
          // Settles the call as well, and so gives the place back.
          one.stop = onWire.abort
          return onWire.answer.then(
            (response: R) => {
              leave()
              return check(response, token)
            },
            (error: ClientError) => {
              leave()
              if (repeats-- < 1 || !pending.has(one)) throw error
              return wait((delay *= 3)).then(attempt)
            },
          )
        })

      const check = (response: R, token: string): R | Promise<R> => {
        const { statusCode } = response
        if (method === 'downloadFile' && !(statusCode >= 200 && statusCode < 300)) dropFile(response)
        if (!withToken || !isAuthError(method === 'uploadFile' ? Object.assign({}, response, { data: parsed(response.data) }) : response)) return response
        if (wasRefused) throw new AuthError('unauthorized', 'refused twice', { status: statusCode, response })
        wasRefused = true
        if (store.token() === token) store.refuse(token)
        return attempt()
      }
      return attempt()
    })
  }

  /** What a failed download left is an error's text under a file's name. */
  const dropFile = (response: ClientResponse): void => {
    const filePath = response.filePath || response.tempFilePath
    delete response.filePath
    delete response.tempFilePath
    try {
      (host.getFileSystemManager!() as { unlink: (options: object) => void }).unlink({ filePath, success: nothing, fail: nothing })
    } catch {
      // The host has no such function, and cleans up temporary files by itself.
    }
  }

  const withBody = (method: string) => (url: string, data?: unknown, more?: Partial<RequestOptions>) =>
    send<never>('request', Object.assign({ url, data, method }, more))

  const token = (first: () => Promise<unknown>): Task<string> =>
    task(owner(), () => first().then(() => store.token()))

  const wake = (): void => {
    store.held()
    if (store.token()) ready().catch(nothing)
  }
  if (host.onAppShow) host.onAppShow(wake)
  const unwatch = host.watchStorage ? host.watchStorage(storageKey, sync) : nothing

  return {
    request: (given) => send('request', given),
    get: withBody('GET'),
    post: withBody('POST'),
    put: withBody('PUT'),
    delete: withBody('DELETE'),
    uploadFile: (given) => send('uploadFile', given),
    downloadFile: (given) => send('downloadFile', given),
    login: (code) => {
      // What another tab did before is no reason to end a login that was asked for afterwards.
      recall()
      return task('', () => flights.start(true, code).then(getSession))
    },
    refresh: (refusedToken) => token(() => {
      if (refusedToken !== undefined) {
        if (store.token() !== refusedToken) return ready()
        store.refuse(refusedToken)
      }
      return flights.start()
    }),
    logout: () => {
      recall()
      const held = store.held()
      store.write({})
      endOthers(gone())
      if (held && held.accessToken) emit('loggedOut')
      return revoke(held && held.refreshToken)
    },
    getAccessToken: () => token(ready),
    getSession,
    onAuthStateChange: (listener) => {
      const tell = (event: AuthEvent): void => {
        // A listener's mistake is its own: it surfaces as an unhandled rejection and leaves everybody else alone.
        void Promise.resolve(event).then(listener)
      }
      listeners.add(tell)
      return () => {
        listeners.delete(tell)
      }
    },
    close: () => {
      if (host.offAppShow) host.offAppShow(wake)
      unwatch()
    },
  }
}
