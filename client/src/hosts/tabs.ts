/** What the tabs of one origin share: a lock (Web Locks) and the news that the storage changed. */

/**
 * Runs `work` while no other tab does. A tab that was frozen while it held the lock must not stop the others: after
 * `patience` milliseconds the work is done without it (two refreshes of one token at once are harmless to the
 * service's rotation rule). Where there are no Web Locks, it is done at once.
 */
export function tabLock<T>(name: string, patience: number, work: () => Promise<T>): Promise<T> {
  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks as LockManager | undefined
  if (!locks) return work()
  const gaveUp = new AbortController()
  let started: Promise<T> | undefined
  const timer = setTimeout(() => {
    gaveUp.abort()
  }, patience)
  const start = () => {
    clearTimeout(timer)
    return (started = started ?? work())
  }
  // The browser lets go of the lock when the promise that `start` returns settles, rejected or not.
  return (locks.request(name, { signal: gaveUp.signal }, start) as Promise<T>).catch(start)
}

/** Calls `changed` when another tab wrote `key`, or cleared the storage; the event's own value may be older than what the storage holds, and is not read. */
export function watchKey(key: string, changed: () => void): () => void {
  if (typeof addEventListener === 'undefined') return () => undefined
  const listener = (event: StorageEvent) => {
    if (event.key === key || event.key === null) changed()
  }
  addEventListener('storage', listener)
  return () => {
    removeEventListener('storage', listener)
  }
}
