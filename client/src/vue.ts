/** `@wugan/client/vue`: the session for Vue 3 and uni-app, reactive. */
import { computed, type ComputedRef, getCurrentScope, onScopeDispose, type ShallowRef, shallowRef } from 'vue'
import type { Client, Session, State, User } from './index'

/** What a component shows of the session. */
export interface UseSession {
  session: Readonly<ShallowRef<Session>>
  state: ComputedRef<State>
  user: ComputedRef<User | undefined>
  /** Whether there are tokens: `authenticated` or `renewing`. */
  isLoggedIn: ComputedRef<boolean>
}

/** Follows the client's events until the component, or the scope, is gone. It sends nothing. */
export function useSession(client: Client): UseSession {
  const session = shallowRef(client.getSession())
  const stop = client.onAuthStateChange((event) => {
    session.value = event.session
  })
  if (getCurrentScope()) onScopeDispose(stop)
  const state = computed(() => session.value.state)
  return {
    session,
    state,
    user: computed(() => session.value.user),
    isLoggedIn: computed(() => state.value === 'authenticated' || state.value === 'renewing'),
  }
}
