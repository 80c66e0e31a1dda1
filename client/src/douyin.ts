/**
 * `@wugan/client/douyin`: the host of Douyin and Toutiao mini programs. It has `wx`'s shape; what differs is that people
 * may be there who are not logged in to the app.
 */
import type { HostCall, HostFunction } from './index'
import { noIdentity, shaped, type Shaped, type ShapedHost } from './parts/shaped'

/** `tt`, as far as it is used. */
export interface Douyin extends Shaped {
  login: HostFunction
}

interface LoginResult {
  /** Empty for a guest, who has an `anonymousCode` alone: that stands for a device, not for a person. */
  code?: string
}

const ask = (tt: Douyin, force: boolean, { success, fail }: Pick<HostCall, 'success' | 'fail'>): void => {
  tt.login({
    force,
    success: (result: LoginResult) => {
      if (result.code) success(result)
      else fail(noIdentity('nobody is logged in to the app', result))
    },
    fail,
  })
}

/**
 * `createClient({ host: douyinHost(tt), … })`. It never opens the app's login page: a guest's requests reject with an
 * `AuthError` of the code `no_identity`.
 */
export function douyinHost(tt: Douyin): ShapedHost {
  return shaped(tt, (call) => { ask(tt, false, call) })
}

/**
 * For a button: opens the app's login page if the user is not logged in, and resolves with a code for `client.login(code)`.
 * Rejects as `tt.login` fails, when the person goes back for example.
 */
export function douyinCode(tt: Douyin): Promise<string> {
  return new Promise((resolve, reject) => {
    ask(tt, true, { success: ({ code }: { code: string }) => { resolve(code) }, fail: reject })
  })
}
