/** The client: what it is made of, put together, and the calls that it offers. */

import { CALL_LIMIT, createFlights, type Flights } from './flight'
import { createRequests } from './requests'
import { createSessions } from './session'
import { OVER } from './store'
import { watched } from './tabs'
import { createTasks } from './tasks'
import type { Answer, Client, ClientOptions, LoginRequest, Method, Paths, RequestOptions, Task } from './types'
import { createPlaces, nothing, post } from './wire'

/** Makes a client. Nothing is read or sent until it is used. */
export function createClient(options: ClientOptions): Client {
  const { host } = options
  // What builds for H5 leave of `uni` and `Taro` may have none: better told here than at each request.
  if (typeof host.request !== 'function') throw new TypeError('host.request is no function')
  const now = options.now || (() => Date.now())
  const storageKey = options.storageKey || 'wugan'
  const auth = '/api/v1/auth/'
  const paths: Paths = Object.assign(
    { login: auth + 'login', refresh: auth + 'refresh', logout: auth + 'logout', me: '/api/v1/users/me' },
    options.paths,
  )
  const place = createPlaces(options.maxConcurrent || host.maxConcurrent || 9)
  const tasks = createTasks()

  const session = createSessions(options, storageKey, now, {
    isBusy: () => flights.isBusy(),
    settle: () => {
      flights.settle()
    },
    endOthers: (error, user) => {
      flights.drop(user)
      tasks.endOthers(error, user)
    },
  })
  const { store } = session

  /** Ends a session on the service. What cannot be revoked now ends by itself; the user is logged out here in any case. */
  const revoke = (refreshToken?: string): Promise<unknown> =>
    !refreshToken
      ? Promise.resolve()
      : place('request').then((leave) => post(options, paths.logout, { refreshToken }, CALL_LIMIT).answer.then(leave, leave))

  const flights: Flights = createFlights(options, paths, storageKey, now, session, revoke)
  const { send, ready, owner } = createRequests(options, paths, now, place, tasks, session, flights)

  const withBody = (method: Method) => <T>(url: string, data?: unknown, more?: Partial<RequestOptions>) =>
    send<Answer<T>>('request', Object.assign({ url, data, method }, more))

  const token = (first: () => Promise<unknown>): Task<string> =>
    tasks.run(owner(), options.deadline, () => first().then(() => store.token()))

  const wake = (): void => {
    // A page that was frozen has heard of nothing.
    session.sync()
    if (store.live()) ready().catch(nothing)
  }
  if (host.onAppShow) host.onAppShow(wake)
  const unwatch = watched(host, storageKey, session.sync)

  return {
    request: (given) => send('request', given),
    get: withBody('GET'),
    post: withBody('POST'),
    put: withBody('PUT'),
    delete: withBody('DELETE'),
    uploadFile: (given) => send('uploadFile', given),
    downloadFile: (given) => send('downloadFile', given),
    login: (request) => {
      // What another tab did before is no reason to end a login that was asked for afterwards.
      session.sync()
      const login: LoginRequest = typeof request === 'string' ? { code: request } : Object.assign({}, request)
      return tasks.run('', options.deadline, () => flights.start(login).then(session.present))
    },
    refresh: (refusedToken) => token(() => (refusedToken !== undefined && store.token() !== refusedToken ? ready() : flights.start(undefined, refusedToken))),
    logout: () => {
      session.sync()
      const live = store.live()
      session.end()
      // A tab that empties the storage from now on has not logged in.
      return revoke(live && live.refreshToken).then(session.sync)
    },
    getAccessToken: () => token(ready),
    cachedToken: () => (store.age() < OVER ? store.token() : ''),
    getSession: session.present,
    setSession: (grant) => {
      session.sync()
      flights.settle()
      session.accept(true, Object.assign({}, grant, { at: now() }))
    },
    setUser: session.setUser,
    onAuthStateChange: (listener, { initial } = {}) => session.listen(listener, initial),
    close: () => {
      if (host.offAppShow) host.offAppShow(wake)
      unwatch()
    },
  }
}

