/** What tabs need of one another. The file for mini programs, which have none, is built with tabs.wx.ts in its place. */
import { NetworkError } from './errors'
import type { Host } from './host'
import { limit, nothing, wait } from './wire'

/** So long what another tab's process wrote to the storage may take to arrive in this one, in milliseconds: no lock orders the two. */
const ARRIVAL = 30

/**
 * Runs the work while no other tab does the same, and holds the lock until `held` settles. A lock that is never granted
 * is as good as one that throws.
 */
export function locked<T>(host: Host, key: string, patience: number, held: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  if (!host.withLock) return work()
  return limit(new Promise<void>((granted, failed) => {
    host.withLock!(key, patience, () => {
      granted()
      return held()
    }).then(nothing, failed)
  }), patience + 1000, nothing).catch((cause) => {
    throw new NetworkError('lock', '', { cause })
  }).then(() => wait(ARRIVAL)).then(work)
}

/** Calls `changed` when another tab has written or emptied the storage. Returns a function that stops it. */
export function watched(host: Host, key: string, changed: () => void): () => void {
  return host.watchStorage ? host.watchStorage(key, changed) : nothing
}

/** Whether others may empty the storage, which is a logout by them. */
export function isShared(host: Host): boolean {
  return !!host.watchStorage
}
