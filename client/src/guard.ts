/** `@wugan/client/guard`: pages that need a logged-in user. */
import type { Client } from './index'

export interface GuardOptions {
  /** Reports whether the page at this path needs a logged-in user. The path is like `/pages/order/index`, without a query. */
  needs: (path: string) => boolean
  /** The page that logs in; it is given `from`, the address that was asked for. */
  loginPage: string
}

/** What `uni` has for this. */
export interface InterceptingHost {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the typings of uni-app
  addInterceptor: (name: any, interceptor: any) => unknown
}

export interface Guard {
  /** For a router's `beforeEach`: true, or where to go instead. Logs in silently where that is possible. */
  check: (address: string) => Promise<true | string>
  /** Where a page of this address leads now, without asking the service. */
  target: (address: string) => string
  /** uni-app: while the user is logged out or refused, each navigation to such a page leads to the login page. */
  install: (host: InterceptingHost) => void
}

export function pageGuard(client: Client, { needs, loginPage }: GuardOptions): Guard {
  const isNeedy = (address: string): boolean => needs((address.split(/[?#]/)[0] ?? '').replace(/^\/?/, '/'))
  const login = (address: string): string => loginPage + '?from=' + encodeURIComponent(address)
  const target = (address: string): string => {
    const { state } = client.getSession()
    return isNeedy(address) && (state === 'loggedOut' || state === 'refused') ? login(address) : address
  }
  return {
    target,
    check: (address) =>
      isNeedy(address)
        ? client.getAccessToken().then(() => true as const, (error: { retryable?: boolean }) => (error.retryable ? true : login(address)))
        : Promise.resolve(true),
    install: (host) => {
      for (const name of ['navigateTo', 'redirectTo', 'reLaunch', 'switchTab']) {
        host.addInterceptor(name, {
          invoke: (args: { url: string }) => {
            args.url = target(args.url)
          },
        })
      }
    },
  }
}
