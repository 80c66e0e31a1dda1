/** What differs between the ends: the host, the app, and where a login code comes from. */
import type { ClientOptions, Host } from '@wugan/client'
// #ifdef MP-ALIPAY
import { alipayHost } from '@wugan/client/alipay'
// #endif
// #ifdef MP-BAIDU
import { baiduHost } from '@wugan/client/baidu'
// #endif
// #ifdef MP-TOUTIAO
import { douyinHost } from '@wugan/client/douyin'
// #endif
// #ifdef H5
import { weixinPage } from '@wugan/client/weixin'
// #endif

/** Where wugan is. */
export const AUTH = import.meta.env.VITE_AUTH_URL || 'http://localhost:8080'

/**
 * `host: uni` would do in a mini program of WeChat or QQ. A production build for H5 however keeps of `uni` only the
 * functions that it finds written out as `uni.NAME` (tree shaking), so those that the client uses are written out here.
 */
let host: Host = {
  request: uni.request,
  uploadFile: uni.uploadFile,
  getStorageSync: uni.getStorageSync,
  setStorageSync: uni.setStorageSync,
  removeStorageSync: uni.removeStorageSync,
  onAppShow: uni.onAppShow,
  offAppShow: uni.offAppShow,
  // #ifdef MP
  login: uni.login,
  // #endif
}

/** The id of the app on this platform. `wugan dev` has one for each, named after the platform. */
let appId: string | undefined = import.meta.env.VITE_APP_ID

/** `wugan dev` logs NAME in with the code dev:NAME. Empty: the person who uses the platform's own app. */
let devUser: string = import.meta.env.VITE_DEV_USER || ''
let getCode: ClientOptions['getCode']

/** H5: WeChat's page has led back to this one. */
let returned = false

// #ifdef MP-ALIPAY
host = alipayHost(my)
appId = appId || 'alipay'
// #endif
// #ifdef MP-TOUTIAO
// `uni.login` would open Douyin's login page where no one is logged in.
host = douyinHost(tt)
appId = appId || 'douyin'
// #endif
// #ifdef MP-BAIDU
host = baiduHost(swan)
appId = appId || 'baidu'
// #endif
// #ifdef MP-QQ
appId = appId || 'qq'
// #endif
// #ifdef H5
devUser = new URLSearchParams(location.search).get('name') || devUser
// By WeChat's authorize page, or by the one of `wugan dev` beside the service.
if (!devUser) {
  const id = appId || 'wechat-oauth'
  const weixin = weixinPage({ appId: id, authorizeURL: appId ? undefined : AUTH + '/connect/oauth2/authorize' })
  getCode = weixin
  returned = weixin.returned
  appId = id
}
// #endif
if (devUser) getCode = () => 'dev:' + devUser

export { appId, getCode, host, returned }
