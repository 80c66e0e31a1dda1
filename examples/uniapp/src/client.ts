/** The one client of this app, what else it uses of the package, and the two mishaps that the buttons bring about. */
import { createClient as createPlain } from '@wugan/client'
import { createClient as createDebugged, drawTimeline } from '@wugan/client/devtools'
import { pageGuard } from '@wugan/client/guard'
import { connect, type Socket } from '@wugan/client/socket'
import { stream } from '@wugan/client/stream'
import { appId, AUTH, getCode, host, returned } from './host'

/** Where the business service (examples/shop) is. */
const SHOP = import.meta.env.VITE_SHOP_URL || 'http://localhost:8081'
const KEY = 'wugan'
const REFRESH = '/api/v1/auth/refresh'

/** An access token that no service is to accept any more: it goes out damaged. */
let spoiled = ''

// A development build tells each decision in the console and draws its calls into the page; a production build has
// nothing of it.
const createClient: typeof createDebugged = import.meta.env.DEV ? createDebugged : createPlain

export const client = createClient({
  host,
  debug: true,
  // #ifdef H5
  onEntry: (_, all) => {
    const place = document.getElementById('calls')
    if (import.meta.env.DEV && place) drawTimeline(place, all)
  },
  // #endif
  baseURL: AUTH,
  storageKey: KEY,
  appId,
  getCode,
  attach: (header, token) => {
    header.Authorization = 'Bearer ' + token + (token === spoiled ? '.expired' : '')
  },
})

// A person who had logged out went to WeChat's page by a tap, and is to be logged in now. A refusal is told by the requests.
if (returned) client.login().catch(() => undefined)

/** A request to the business service. It stands elsewhere than wugan, so the token has to be asked for. */
export const shop = <T>(path: string) => client.get<T>(SHOP + path, undefined, { auth: true })

export const sendReceipt = (filePath: string) =>
  client.uploadFile({ url: SHOP + '/receipts', filePath, name: 'file', auth: true })

/** Asks for advice, and shows it piece by piece. */
export async function advise(question: string, show: (piece: string) => void): Promise<void> {
  const pieces = stream(client, { url: SHOP + '/advice', method: 'POST', data: { question }, auth: true })
  for await (const { data } of pieces) show(JSON.parse(data) as string)
}

/** What the shop tells by itself. Each message after the token's welcome is about an order. */
export const listen = (): Socket =>
  connect(client, { host: { connectSocket: uni.connectSocket }, url: SHOP.replace(/^http/, 'ws') + '/live' })

/** The page of an order needs a person; one who has logged out is led to the login page. */
export const guard = pageGuard(client, {
  needs: (path) => path.startsWith('/pages/order/'),
  loginPage: '/pages/login/index',
})
// Written out as well, for the H5 build.
guard.install({ addInterceptor: uni.addInterceptor })

/** From now on every service answers 401 to the present access token, whatever this device's clock says. */
export const expireToken = () =>
  client.getAccessToken().then((token) => {
    spoiled = token
  })

/** What a person without this session does with a refresh token. The host sends it, as any request without a token. */
const exchange = (refreshToken: string) =>
  client.post<{ refreshToken: string }>(REFRESH, { refreshToken }, { auth: false })

let stolen = ''

/**
 * A thief copies the refresh token from this device and uses it twice. The owner's next refresh gives both away, and so
 * that it comes with the next request, the owner's access token is over as well.
 */
export async function stealToken(): Promise<string> {
  await expireToken()
  stolen = (JSON.parse(uni.getStorageSync(KEY)) as { refreshToken: string }).refreshToken
  for (const _ of [1, 2]) {
    const answer = await exchange(stolen)
    if (!answer.ok) return (answer.data as { code?: string }).code || String(answer.statusCode)
    stolen = answer.data.refreshToken
  }
  return 'ok'
}

/** The thief comes back: 'ok' as long as the owner has not refreshed, then a code. */
export async function useStolenToken(): Promise<string> {
  const answer = await exchange(stolen)
  if (!answer.ok) return (answer.data as { code?: string }).code || String(answer.statusCode)
  stolen = answer.data.refreshToken
  return 'ok'
}
