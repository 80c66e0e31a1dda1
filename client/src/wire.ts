/** One call to the host, and how many there may be at once. It knows nothing of tokens. */
import { ClientError, NetworkError } from './errors'
import type { Host, HostResult } from './host'
import { join } from './url'

export type HostMethod = 'request' | 'uploadFile' | 'downloadFile' | 'login'

/** What a host's task tells while it runs. */
export const SIGNALS = ['onProgressUpdate', 'onHeadersReceived', 'onChunkReceived'] as const
export type Signal = (typeof SIGNALS)[number]
/** Who is told of it. */
export type Listener = (event: { statusCode?: number }) => void

/** A call on the wire. `abort` settles it as well, for hosts that say nothing after an abort. */
export interface Call {
  answer: Promise<HostResult>
  abort: () => void
}

type HostTask = { abort?: () => void } & Partial<Record<Signal, (listener: Listener) => void>>

/** What hosts say when a call fails: `wx` in one way, an exception in another, an answer that is no 2xx in a third. */
interface Failure {
  errMsg?: string
  message?: string
  statusCode?: unknown
  status?: unknown
  headers?: unknown
}

export const nothing = (): void => undefined

export const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

/** Settles as `work` does, or rejects after `milliseconds`; `late` is called then. */
export function limit<T>(work: Promise<T>, milliseconds: number, late: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new NetworkError('timeout', 'no answer in ' + milliseconds + ' ms'))
      late()
    }, milliseconds)
    void work.then(resolve, reject).then(() => {
      clearTimeout(timer)
    })
  })
}

/**
 * Calls the host. Rejects with a `NetworkError` when it fails, throws, or does not answer in time. A failure that has
 * a status is an answer: WeChat on PC and uni-app's Alipay runtime deliver a 401 like that. `tell` hears of what the
 * host's task tells.
 */
export function call(host: Host, method: HostMethod, options: object, timeout: number, tell?: (signal: Signal) => Listener): Call {
  let task: HostTask | undefined
  let fail: (error?: Failure) => void = nothing
  const answer = new Promise<HostResult>((resolve, reject) => {
    fail = (cause = {}) => {
      const { statusCode = cause.status } = cause
      const status = Number(statusCode)
      if (status > 99 && method !== 'login') {
        resolve(Object.assign({ header: cause.headers }, cause, { statusCode: status }))
        return
      }
      const text = cause.errMsg || cause.message || ''
      // A host may give an error of its own, such as `no_identity`.
      reject(cause instanceof ClientError ? cause : new NetworkError(/time.?out/i.test(text) ? 'timeout' : 'network', method + ' failed: ' + text, { cause }))
    }
    try {
      task = (host[method] as (options: object) => HostTask | undefined)(Object.assign({}, options, { timeout, success: resolve, fail, complete: nothing }))
      // Taro and uni hand out promises beside the callbacks: an unhandled rejection would be reported twice.
      Promise.resolve(task).catch(nothing)
    } catch (cause) {
      fail(cause as Failure)
    }
  })
  const abort = (): void => {
    if (task && task.abort) task.abort()
    fail()
  }
  if (tell) SIGNALS.forEach((signal) => {
    try {
      task![signal]!(tell(signal))
    } catch {
      // There is no task, or it has no such function, or one that throws (uni-app's H5 build).
    }
  })
  return { answer: limit(answer, timeout, abort), abort }
}

/** Posts JSON to one of the service's own paths. */
export function post({ host, baseURL }: { host: Host; baseURL: string }, path: string, data: object, timeout: number): Call {
  return call(host, 'request', { url: join(baseURL, path), method: 'POST', data, header: { 'content-type': 'application/json' } }, timeout)
}

/** Gives out at most `most` places of each kind, in the order of asking. What it resolves with gives the place back. */
export function createPlaces(most: number): (kind: HostMethod) => Promise<() => void> {
  const lanes: Record<string, { free: number; queue: (() => void)[] }> = {}
  return (kind) =>
    new Promise((resolve) => {
      const lane = lanes[kind] || (lanes[kind] = { free: most, queue: [] })
      const enter = (): void => {
        lane.free--
        // A promise settles once: giving the place back twice gives it back once.
        void new Promise<void>(resolve).then(() => {
          lane.free++
          const next = lane.queue.shift()
          if (next) next()
        })
      }
      if (lane.free > 0) enter()
      else lane.queue.push(enter)
    })
}
