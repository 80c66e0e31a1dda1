/** One call to the host, and how many there may be at once. It knows nothing of tokens. */
import { NetworkError } from './errors'
import type { Host, HostResult } from './hosts/wx'
import type { Progress } from './types'
import { join } from './url'

export type HostMethod = 'request' | 'uploadFile' | 'downloadFile' | 'login'

/** A call on the wire. `abort` settles it as well, for hosts that say nothing after an abort. */
export interface Call {
  answer: Promise<HostResult>
  abort: () => void
  onProgressUpdate: (listener: (progress: Progress) => void) => void
}

interface HostTask {
  abort?: () => void
  onProgressUpdate?: Call['onProgressUpdate']
}

/** What hosts say when a call fails: `wx` in one way, an exception in the other. */
interface Failure {
  errMsg?: string
  message?: string
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
      reject(new NetworkError('timeout', 'no answer within ' + milliseconds + ' ms'))
      late()
    }, milliseconds)
    void work.then(resolve, reject).then(() => {
      clearTimeout(timer)
    })
  })
}

/** Calls the host. Rejects with a `NetworkError` when it fails, throws, or does not answer in time. */
export function call(host: Host, method: HostMethod, options: object, timeout: number): Call {
  let task: HostTask | undefined
  let fail: (error?: Failure) => void = nothing
  const answer = new Promise<HostResult>((resolve, reject) => {
    fail = (cause) => {
      reject(new NetworkError('network', method + ' failed: ' + ((cause && (cause.errMsg || cause.message)) || ''), { cause }))
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
  return {
    answer: limit(answer, timeout, abort),
    abort,
    onProgressUpdate: (listener) => {
      if (task && task.onProgressUpdate) task.onProgressUpdate(listener)
    },
  }
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
        void new Promise<void>((leave) => {
          resolve(leave)
        }).then(() => {
          lane.free++
          const next = lane.queue.shift()
          if (next) next()
        })
      }
      if (lane.free > 0) enter()
      else lane.queue.push(enter)
    })
}
