/** tabs.ts for mini programs: there are no tabs. */
import type { Host } from './host'
import { nothing } from './wire'

export function locked<T>(_host: Host, _key: string, _patience: number, _held: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  return work()
}

export function watched(): () => void {
  return nothing
}

export function isShared(): boolean {
  return false
}
