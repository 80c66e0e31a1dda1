/** The one client of this app, what else it uses of the package, and the mishap that a button brings about. */
import Taro from '@tarojs/taro'
import { createClient } from '@wugan/client'
import { connect, webSockets } from '@wugan/client/socket'
import { stream } from '@wugan/client/stream'

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

/** Asks for advice, and shows it piece by piece; an H5 page of Taro's gets all pieces at the end. */
export async function advise(question, show) {
  const pieces = stream(client, { url: SHOP + '/advice', method: 'POST', data: { question }, auth: true })
  for await (const { data } of pieces) show(JSON.parse(data))
}

/** What the shop tells by itself. Taro's sockets in H5 do not say with which code they were closed, the browser's own do. */
export const listen = () =>
  connect(client, {
    host: process.env.TARO_ENV === 'h5' ? webSockets : { connectSocket: Taro.connectSocket },
    url: SHOP.replace(/^http/, 'ws') + '/live',
  })

/** From now on every service answers 401 to the present access token, whatever this device's clock says. */
export const expireToken = () =>
  client.getAccessToken().then((token) => {
    spoiled = token
  })
