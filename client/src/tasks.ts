/** What the caller waits for: promises that can be given up, that end with their user, and that end in time. */
import { CancelError, type ClientError } from './errors'
import type { Task } from './types'
import { limit, nothing, type Signal, SIGNALS } from './wire'

/** A call of the caller's that has not settled. */
export interface Pending {
  /** The user it is made for: `''` while no user is known, `undefined` when it belongs to no user. */
  owner: string | undefined
  /** Tells those who listen what the host tells of it. */
  tell: (signal: Signal, event: object) => void
  /** Takes it off the wire. */
  stop: () => void
  end: (error: ClientError) => void
}

export interface Tasks {
  /** Runs a call for this user. `deadline`: milliseconds for all of it. */
  run: <T>(owner: string | undefined, deadline: number | undefined, work: (one: Pending) => Promise<T>) => Task<T>
  isPending: (one: Pending) => boolean
  /** Ends what is made for everybody but this user; without one, for everybody. */
  endOthers: (error: ClientError, user?: string) => void
}

export function createTasks(): Tasks {
  const pending = new Set<Pending>()
  return {
    run: <T>(owner: string | undefined, deadline: number | undefined, work: (one: Pending) => Promise<T>) => {
      const listeners: [Signal, (event: object) => void][] = []
      const one: Pending = {
        owner, stop: nothing, end: nothing,
        tell: (signal, event) => {
          listeners.forEach(([wanted, listener]) => {
            if (wanted === signal) listener(event)
          })
        },
      }
      const task = new Promise<T>((resolve, reject) => {
        pending.add(one)
        one.end = (error) => {
          if (pending.delete(one)) {
            reject(error)
            one.stop()
          }
        }
        const done = new Promise<T>((begin) => {
          begin(work(one))
        })
        ;(deadline ? limit(done, deadline, nothing) : done).then((value) => {
          if (pending.delete(one)) resolve(value)
        }, one.end)
      }) as Task<T>
      task.abort = () => {
        one.end(new CancelError())
      }
      SIGNALS.forEach((signal) => {
        task[signal] = (listener: (event: never) => void) => {
          listeners.push([signal, listener as (event: object) => void])
        }
      })
      return task
    },
    isPending: (one) => pending.has(one),
    endOthers: (error, user) => {
      pending.forEach((one) => {
        if (user ? one.owner && one.owner !== user : one.owner !== undefined) one.end(error)
      })
    },
  }
}
