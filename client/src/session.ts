/** What happens to the session, and the events that tell of it. It sends nothing: flight.ts gets tokens, requests.ts uses them. */
import type { Grant } from './answers'
import { AuthError, type ClientError, NetworkError } from './errors'
import { createStore, type Ended, type Live, OVER, type Store } from './store'
import type { AuthEvent, AuthEventType, ClientOptions, Session, User } from './types'
import { join } from './url'

/** A refresh that was given up may still be handled for so long, in milliseconds. */
const DOUBT = 60000
/** What the session needs of the others. */
export interface Others {
  /** Whether a login or refresh is under way. */
  isBusy: () => boolean
  /** Good tokens came from another tab. */
  settle: () => void
  /** Ends what waits or travels for everybody but this user; without one, for everybody. */
  endOthers: (error: ClientError, user?: string) => void
}

export interface Sessions {
  store: Store
  /** The id of the user whose session is held. */
  userId: () => string | undefined
  present: () => Session
  listen: (listener: (event: AuthEvent) => void, first?: boolean) => () => void
  emit: (type: AuthEventType, error?: ClientError) => void
  /** Takes over what another tab stored or emptied. */
  sync: () => void
  /** Holds these tokens from now on. `doubt`: when a refresh was last given up without an answer. */
  accept: (isLogin: boolean, grant: Grant, doubt?: number) => void
  /** Ends the session: requests reject, and only `login()` leads back. */
  end: (reason?: string) => void
  /** Ends the session, if it is over in any case, because a silent login was refused. */
  refused: (error: ClientError, dead?: string) => void
  /** The session's user has these fields now. */
  setUser: (user: Partial<User>) => void
  /** The service says this of a user, who may be another by now. */
  learn: (user?: User) => void
}

export function createSessions({ host, baseURL }: ClientOptions, storageKey: string, now: () => number, others: Others): Sessions {
  const listeners = new Set<(event: AuthEvent) => void>()
  const store = createStore(host, storageKey, join(baseURL, ''), now, (cause) => {
    emit('storageFailed', new NetworkError('storage', '', { cause }))
  })

  const userId = (): string | undefined => {
    const { user } = store.live() || ({} as Partial<Live>)
    return user && user.id
  }

  const present = (): Session => {
    const live = store.live()
    const { v, refused, reason } = (store.held() || {}) as Partial<Ended>
    const isBusy = others.isBusy()
    return live
      ? {
          state: isBusy ? 'renewing' : 'authenticated',
          user: live.user,
          receivedAt: live.at,
          expiresAt: live.at + live.expiresIn * 1000,
          refreshExpiresAt: live.at + live.refreshExpiresIn! * 1000,
        }
      : { state: isBusy ? 'authenticating' : refused ? 'refused' : v ? 'loggedOut' : 'anonymous', reason }
  }

  const emit = (type: AuthEventType, error?: ClientError): void => {
    const event = { type, session: present(), error } as AuthEvent
    listeners.forEach((tell) => {
      tell(event)
    })
  }

  /** Says what became of the session, once the store holds the new one. */
  const changed = (before: string | undefined, type: AuthEventType): void => {
    const user = userId()
    if (user) others.endOthers(new AuthError('user_changed', ''), user)
    if (before && user && before !== user) emit('userChanged')
    emit(type)
  }

  const accept: Sessions['accept'] = (isLogin, grant, doubt = 0) => {
    const before = store.live()
    const user = userId()
    // An answer to a refresh names no user, and may leave the refresh token as it is (RFC 6749 6): both stay.
    const next: Partial<Live> = Object.assign({}, !isLogin && before, grant)
    if (!isLogin && before) {
      // A refresh that was given up may be handled later than this one. Until that is over, the token it carried is
      // presented again: the service takes it until a newer one is used, and would take it for stolen afterwards.
      next.doubt = Math.max(doubt, before.doubt || 0)
      if (Math.abs(now() - next.doubt) < DOUBT) next.refreshToken = before.refreshToken
    }
    store.write(next)
    changed(user, isLogin ? 'loggedIn' : 'refreshed')
  }

  const setUser = (user: Partial<User>): void => {
    const live = store.live()
    if (!live) return
    const next = Object.assign({} as User, live.user, user)
    if (JSON.stringify(next) === JSON.stringify(live.user)) return
    store.write(Object.assign({}, live, { user: next }))
    emit('userUpdated')
  }

  return {
    store,
    userId,
    present,
    emit,
    listen: (listener, first) => {
      const tell = (event: AuthEvent): void => {
        // A listener's mistake is its own: it surfaces as an unhandled rejection and leaves everybody else alone.
        void Promise.resolve(event).then(listener)
      }
      listeners.add(tell)
      if (first) tell({ type: 'initial', session: present() })
      return () => {
        listeners.delete(tell)
      }
    },
    sync: () => {
      const before = store.live()
      const user = userId()
      if (!store.reread()) return
      const after = store.live()
      if (after) {
        if (store.age() < OVER) others.settle()
        changed(user, !before || user !== userId() ? 'loggedIn' : before.accessToken === after.accessToken ? 'userUpdated' : 'refreshed')
      } else if (before && store.held()) {
        others.endOthers(gone())
        emit('loggedOut')
      }
    },
    accept,
    end: (reason) => {
      const had = store.live()
      store.write({ reason })
      others.endOthers(gone(reason))
      if (had) emit('loggedOut')
    },
    refused: ({ code }, dead) => {
      if (store.age() < OVER && store.token() !== dead) return
      store.write({ refused: true, reason: code })
    },
    setUser,
    learn: (user) => {
      if (user && user.id && user.id === userId()) setUser(user)
    },
  }
}

/** What a request of an earlier user, or a flight for one, ends with. */
export function gone(reason?: string): AuthError {
  return new AuthError('logged_out', 'logged out; call login()', { reason })
}
