/** The one client of this app, and the two mishaps that the buttons bring about. */
import Taro from '@tarojs/taro'
import { createClient } from '@wugan/client'

/** Where wugan is, and where the business service (examples/shop) is. */
const AUTH = process.env.TARO_APP_AUTH_URL || 'http://localhost:8080'
const SHOP = process.env.TARO_APP_SHOP_URL || 'http://localhost:8081'

/** An access token that no service is to accept any more: it goes out damaged. */
let spoiled = ''

/**
 * `host: Taro` would do in a mini program. A build for H5 however keeps only the functions that it finds written out as
 * `Taro.NAME` (tree shaking), so those that the client uses are written out here.
 */
const host = {
  request: Taro.request,
  uploadFile: Taro.uploadFile,
  downloadFile: Taro.downloadFile,
  login: Taro.login,
  getStorageSync: Taro.getStorageSync,
  setStorageSync: Taro.setStorageSync,
  removeStorageSync: Taro.removeStorageSync,
  onAppShow: Taro.onAppShow,
  offAppShow: Taro.offAppShow,
}

export const client = createClient({
  host,
  baseURL: AUTH,
  // A page has no wx.login. `wugan dev` logs NAME in with the code dev:NAME.
  getCode: process.env.TARO_ENV === 'h5'
    ? () => 'dev:' + (new URLSearchParams(location.search).get('name') || 'alice')
    : undefined,
  attach: (header, token) => {
    header.Authorization = 'Bearer ' + token + (token === spoiled ? '.expired' : '')
  },
})

/** A request to the business service. It stands elsewhere than wugan, so the token has to be asked for. */
export const shop = (path) => client.get(SHOP + path, undefined, { auth: true })

/** From now on every service answers 401 to the present access token, whatever this device's clock says. */
export const expireToken = () =>
  client.getAccessToken().then((token) => {
    spoiled = token
  })
