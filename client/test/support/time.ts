/** Fake time. Microtasks are drained by a real `setImmediate`, which stays real, so that thousands of schedules take seconds. */
import { vi } from 'vitest'

const reallyImmediate = setImmediate

export const drained = (): Promise<void> => new Promise((resolve) => reallyImmediate(resolve))

/** Call in `beforeEach`. */
export function freeze(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: new Date('2026-01-01T00:00:00Z') })
}

/** Lets time run until no timer is left, `most` timers at most: more than that is an endless loop. */
export async function runOut(most = 2000): Promise<void> {
  for (let ran = 0; ; ran++) {
    await drained()
    if (vi.getTimerCount() === 0) return
    if (ran >= most) throw new Error(`still busy after ${String(most)} timers`)
    vi.advanceTimersToNextTimer()
  }
}

/** Lets this much time pass. */
export async function pass(milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds
  const marker = setTimeout(() => undefined, milliseconds)
  while (Date.now() < end) {
    await drained()
    vi.advanceTimersToNextTimer()
  }
  clearTimeout(marker)
  await drained()
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: Error & { code?: string; retryable?: boolean; status?: number } }

/** What became of a promise once everything has run out; `undefined` when it is still open. */
export async function outcome<T>(promise: Promise<T>, most?: number): Promise<Outcome<T> | undefined> {
  const result = watched(promise)
  await runOut(most)
  return result.now
}

/** Follows a promise without leaving a rejection unhandled. */
export function watched<T>(promise: Promise<T>): { now: Outcome<T> | undefined } {
  const result: { now: Outcome<T> | undefined } = { now: undefined }
  promise.then(
    (value) => { result.now = { ok: true, value } },
    (error: unknown) => { result.now = { ok: false, error: error as Error } },
  )
  return result
}
