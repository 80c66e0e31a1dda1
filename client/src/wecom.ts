/** `@wugan/client/wecom`: the host of mini programs in WeCom (企业微信), whose login codes are of another kind than WeChat's. */
import type { HostFunction } from './index'
import { noIdentity, shaped, type Shaped, type ShapedHost } from './parts/shaped'

/** `wx`, as far as it is used. `qy` is there in WeCom alone. */
export interface WeCom extends Shaped {
  qy?: { login: HostFunction }
}

export interface WeComOptions {
  /** Of a third-party application (第三方应用). */
  suiteId?: string
}

/** `createClient({ host: wecomHost(wx), … })`. In WeChat itself, which has no identity of WeCom, requests reject with an `AuthError` of the code `no_identity`. */
export function wecomHost(wx: unknown, { suiteId }: WeComOptions = {}): ShapedHost {
  const platform = wx as WeCom
  return shaped(platform, ({ success, fail }) => {
    // A code of wx.login would be refused by WeCom (40029).
    if (!platform.qy) fail(noIdentity('this is not WeCom: there is no wx.qy'))
    else platform.qy.login(Object.assign({ success, fail }, suiteId ? { suiteId } : {}))
  })
}
