// The key of the person who uses this tab. It lives in sessionStorage alone: other tabs
// do not see it, and it ends with the tab, or after half an hour without use.
import { signal } from '@preact/signals'

export interface Session {
  key: string
  /** Who holds the key, as they say: the service keeps it beside each change. */
  actor: string
  name: string
  scope: 'support' | 'admin'
}

const ITEM = 'wugan.console'
export const IDLE_MS = 30 * 60_000

interface Kept extends Session {
  used: number
}

export type Farewell = 'idle' | 'refused' | ''

export const session = signal<Session | null>(null)
/** Why the key is asked for again. */
export const farewell = signal<Farewell>('')

function read(): Kept | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(ITEM) ?? 'null') as Kept | null
    return kept && typeof kept.key === 'string' && typeof kept.used === 'number' ? kept : null
  } catch {
    return null
  }
}

let touched = 0

/** Notes that the page is in use. Storage is written every few seconds at most. */
function touch(): void {
  const now = Date.now()
  if (!session.value || now - touched < 5000) return
  if (expire()) return
  touched = now
  sessionStorage.setItem(ITEM, JSON.stringify({ ...session.value, used: now } satisfies Kept))
}

/** Ends the session after half an hour without use; reports whether it did. */
function expire(): boolean {
  const kept = read()
  if (!session.value || (kept && Date.now() - kept.used < IDLE_MS)) return false
  leave('idle')
  return true
}

export function enter(s: Session): void {
  touched = Date.now()
  sessionStorage.setItem(ITEM, JSON.stringify({ ...s, used: touched } satisfies Kept))
  farewell.value = ''
  session.value = s
}

export function leave(why: Farewell): void {
  sessionStorage.removeItem(ITEM)
  farewell.value = why
  session.value = null
}

export function watchUse(): void {
  const kept = read()
  if (kept && Date.now() - kept.used < IDLE_MS) enter(kept)
  else if (kept) leave('idle')
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchstart']) addEventListener(kind, touch, { passive: true, capture: true })
  setInterval(expire, 10_000)
  document.addEventListener('visibilitychange', expire)
}
