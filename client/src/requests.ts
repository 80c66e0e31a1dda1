/** Sends the caller's requests: with a token that is good, once more after a 401, and with what came of it. */
import { isOk, parsed } from './answers'
import { copied } from './copy'
import { AuthError, CancelError, type ClientError } from './errors'
import type { Flights } from './flight'
import type { Sessions } from './session'
import { OVER } from './store'
import type { Tasks } from './tasks'
import type { ClientOptions, ClientResponse, CommonOptions, Paths, RequestOptions, SentRequest, Task, User } from './types'
import { bare, isUnder, join } from './url'
import { call, type HostMethod, nothing, wait } from './wire'

/** A token that is younger than this and than half its life, and was accepted elsewhere afterwards, is no reason for a 401, in milliseconds. */
const FRESH = 30000
/** So long an address that refused a new token as well is believed to refuse every token, in milliseconds. */
const STUBBORN = 60000

export interface Requests {
  send: <R>(method: HostMethod, given: CommonOptions) => Task<R>
  /** Resolves when there is a token that may be sent. `patient`: near its end, one that lasts is waited for. */
  ready: (patient?: boolean) => Promise<unknown>
  /** The user that a call made now is for. */
  owner: () => string
}

export function createRequests(
  options: ClientOptions, paths: Paths, now: () => number, place: (kind: HostMethod) => Promise<() => void>,
  tasks: Tasks, session: Sessions, flights: Flights,
): Requests {
  const { host, baseURL } = options
  const { store } = session
  const isAuthError = options.isAuthError || ((response: ClientResponse) => response.statusCode === 401)
  const attach = options.attach || ((header: Record<string, string>, token: string) => {
    header.Authorization = 'Bearer ' + token
  })
  /** Addresses that refused a token and the new one after it: since when a 401 of theirs is their own. */
  const stubborn = new Map<string, number>()
  /** Counts what was sent. */
  let count = 0
  /** Which of the requests that were let in was sent last, and with which token. */
  let lastIn = 0
  let tokenIn: string | undefined

  const owner = (): string => session.userId() || ''

  const ready: Requests['ready'] = (patient) => {
    if (store.age() === OVER) return flights.start()
    const ahead = store.age() && !flights.isPausing() && flights.start().catch(nothing)
    // When the renewal fails, and the token is good still, it is used.
    return Promise.resolve(patient && ahead).then(() => (store.age() === OVER ? ready() : undefined))
  }

  /** What a failed download left is an error's text under a file's name. */
  const dropFile = (response: ClientResponse): void => {
    const filePath = response.filePath || response.tempFilePath
    delete response.filePath
    delete response.tempFilePath
    try {
      (host.getFileSystemManager!() as { unlink: (options: object) => void }).unlink({ filePath })
    } catch {
      // The host has no such function, and cleans up temporary files by itself.
    }
  }

  const send = <R>(method: HostMethod, handed: CommonOptions): Task<R> => {
    // What the caller does to it afterwards changes nothing, as in wx.request.
    const given = copied(handed) as RequestOptions
    const url = join(baseURL, given.url)
    const address = bare(url)
    const isAt = (path: string): boolean => address === bare(join(baseURL, path))
    // The authentication's own paths are left out: a 401 there is about something else.
    const isOwn = isUnder(baseURL, url) && ![paths.login, paths.refresh, paths.logout].some(isAt)
    const withToken = given.auth === undefined ? isOwn : given.auth
    const isOptional = withToken === 'optional'
    // A file is posted, without a method that says so. `| 0` makes a whole number of whatever was given.
    let repeats = method !== 'uploadFile' && (given.method || 'GET') === 'GET' ? given.retry! | 0 : 0
    let delay = 100
    let waits = 0
    let refusals = 0

    return tasks.run(withToken && !isOptional ? owner() : undefined, given.deadline || options.deadline, (one) => {
      /** Whether a token is wanted now. One that is optional is not asked for, and not waited for in vain. */
      const wants = (): boolean => !!withToken && (!isOptional || (!!store.token() && refusals < 2))
      /** Without a token that it could have, a request rejects; unless it can do without. */
      const giveUp = (error: ClientError): void => {
        if (!isOptional) throw error
        refusals = 2
      }

      const attempt = (): Promise<ClientResponse> =>
        Promise.resolve(wants() && ready(method !== 'request').catch(giveUp)).then(() => {
          // A request of a cold start gets its owner as soon as the user is known.
          if (wants()) one.owner = owner()
          return place(method)
        }).then((leave) => {
          one.stop = leave
          const goOn = (): void => {
            if (tasks.isPending(one)) return
            leave()
            throw new CancelError()
          }
          goOn()
          // While it waited for a place, the token may have run out (looked at twice at most: the service has the last
          // word on time, and a clock must not keep a request for ever).
          if (wants() && store.age() === OVER && waits++ < 2) {
            leave()
            return attempt()
          }
          const token = wants() ? store.token() : ''
          const sent: SentRequest = Object.assign({}, given.hostOptions, given, { url, header: Object.assign({}, given.header) })
          if (token) attach(sent.header, token)
          const go = (): Promise<ClientResponse> => {
            goOn()
            const began = ++count
            let isRefused = false
            const onWire = call(host, method, sent, given.timeout || options.timeout || 60000, (signal) => (event) => {
              // The body of a refusal is not the answer: after it, the request is sent again.
              if (event.statusCode) isRefused = !!token && !refusals && event.statusCode === 401
              if (!isRefused) one.tell(signal, event)
            })
            // Settles the call as well, and so gives the place back.
            one.stop = onWire.abort
            return onWire.answer.then(
              (response: ClientResponse) => {
                leave()
                return check(response, token, began)
              },
              (error: ClientError) => {
                leave()
                if (repeats-- < 1 || !tasks.isPending(one)) throw error
                return wait((delay *= 3)).then(attempt)
              },
            )
          }
          return options.onRequest ? Promise.resolve(options.onRequest(sent)).then(go) : go()
        })

      const check = (response: ClientResponse, token: string, began: number): ClientResponse | Promise<ClientResponse> => {
        response.ok = isOk(response)
        if (method === 'downloadFile' && !response.ok) dropFile(response)
        if (!token || !isAuthError(method === 'uploadFile' ? Object.assign({}, response, { data: parsed(response.data) }) : response)) {
          if (token) stubborn.delete(address)
          if (token && response.ok && began > lastIn) {
            lastIn = began
            tokenIn = token
          }
          if (isOwn && response.ok && (isAt(paths.me) || isAt(paths.me + '/phone'))) session.learn(response.data as User)
          return response
        }
        const isPresent = store.token() === token
        // The token was let in elsewhere by a request that was sent after this one, or a new one was refused here too:
        // the refusal is this address's own, and another token would not change it. A request that was sent before this
        // one shows nothing: its answer may come later, and the token may have ended in between.
        const isIts = isPresent && (Math.abs(now() - stubborn.get(address)!) < STUBBORN ||
          (tokenIn === token && lastIn > began && now() - store.live()!.at < Math.min(FRESH, store.live()!.expiresIn * 500)))
        if (refusals++ || isIts) {
          if (!isIts) stubborn.set(address, now())
          giveUp(new AuthError('unauthorized', '', { status: response.statusCode, response }))
          return attempt()
        }
        return (isPresent ? flights.start(undefined, token) : Promise.resolve()).catch(giveUp).then(attempt)
      }

      return attempt().then((response) =>
        Promise.resolve(options.onResponse && options.onResponse(response, given)).then((other) => (other || response) as R & ClientResponse))
    })
  }

  return { send, ready, owner }
}
