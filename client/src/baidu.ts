/**
 * `@wugan/client/baidu`: the host of Baidu smart programs. It has `wx`'s shape; what differs is that people may be there
 * who are not logged in to the app, and that fewer requests run at once.
 */
import type { HostCall, HostFunction } from './index'
import { noIdentity, shaped, type Shaped, type ShapedHost } from './parts/shaped'

/** `swan`, as far as it is used. */
export interface Baidu extends Shaped {
  /** Opens the app's login page if the user is not logged in. */
  login: HostFunction
  /** Its codes are the ones that the service exchanges. Old base libraries do not have it. */
  getLoginCode?: HostFunction
  /** Whether the user is logged in to the app: `{ isLogin }` by the documentation, a boolean by the typings. */
  isLoginSync?: () => boolean | { isLogin?: boolean }
}

/** What `getLoginCode` says of a guest, in `success` or in `fail`, and `login` of a person who did not log in. */
const NOT_LOGGED_IN = 10004

/** Android takes five requests at once for one domain; one place is kept for login and refresh. */
const AT_ONCE = 4

const take = (get: HostFunction, { success, fail }: Pick<HostCall, 'success' | 'fail'>): void => {
  const refused = (result: { errCode?: unknown; code?: string }): void => {
    fail(Number(result.errCode) === NOT_LOGGED_IN ? noIdentity('nobody is logged in to the app', result) : result)
  }
  get({
    success: (result: { errCode?: unknown; code?: string }) => {
      if (result.code) success(result)
      else refused(result)
    },
    fail: refused,
  })
}

const code = (swan: Baidu, call: Pick<HostCall, 'success' | 'fail'>): void => {
  if (swan.getLoginCode) take((options) => swan.getLoginCode!(options), call)
  else call.fail({ errMsg: 'getLoginCode:fail the base library is too old' })
}

/** Whether the platform says that the user is not logged in. */
const isGuest = (swan: Baidu): boolean => {
  try {
    const told = swan.isLoginSync!()
    return told === false || (told as { isLogin?: boolean }).isLogin === false
  } catch {
    // It does not say: getLoginCode will.
    return false
  }
}

/**
 * `createClient({ host: baiduHost(swan), … })`. It never opens the app's login page (where the base library can tell): a
 * guest's requests reject with an `AuthError` of the code `no_identity`.
 */
export function baiduHost(swan: Baidu): ShapedHost {
  const host = shaped(swan, (call) => {
    if (isGuest(swan)) call.fail(noIdentity('nobody is logged in to the app'))
    else code(swan, call)
  })
  host.maxConcurrent = AT_ONCE
  return host
}

/**
 * For a button: opens the app's login page if the user is not logged in, and resolves with a code for `client.login(code)`.
 * Rejects with `no_identity` when the person does not log in, and with what `swan` says when that fails.
 */
export function baiduCode(swan: Baidu): Promise<string> {
  return new Promise((resolve, reject) => {
    take((call) => swan.login(call), {
      // The code of `login` is the older kind, which the service does not exchange.
      success: () => { code(swan, { success: (result: { code: string }) => { resolve(result.code) }, fail: reject }) },
      fail: reject,
    })
  })
}
