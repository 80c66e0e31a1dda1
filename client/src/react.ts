/** `@wugan/client/react`: the session for React 18 and Taro. */
import { useSyncExternalStore } from 'react'
import type { Client, Session } from './index'

interface Source {
  subscribe: (changed: () => void) => () => void
  get: () => Session
}

const sources = new WeakMap<Client, Source>()

/** One for each client, so that React finds the same functions, and the same object while nothing changed. */
function sourceOf(client: Client): Source {
  const known = sources.get(client)
  if (known) return known
  let session = client.getSession()
  const source: Source = {
    subscribe: (changed) => client.onAuthStateChange(changed),
    get: () => {
      const present = client.getSession()
      if (JSON.stringify(present) !== JSON.stringify(session)) session = present
      return session
    },
  }
  sources.set(client, source)
  return source
}

/** The session; the component is drawn again when it changes. It sends nothing. */
export function useSession(client: Client): Session {
  const { subscribe, get } = sourceOf(client)
  return useSyncExternalStore(subscribe, get, get)
}
