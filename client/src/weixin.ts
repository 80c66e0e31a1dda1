/**
 * `@wugan/client/weixin`: login codes for web pages, by WeChat's authorize page: inside WeChat's browser, and by a QR code
 * on a website. It keeps one state per tab, in sessionStorage, and takes no code that comes with another.
 */

export interface WeixinPageOptions {
  /** Of the Official Account. */
  appId: string
  /**
   * `snsapi_base` shows no consent page; `snsapi_userinfo` does at each login, and gives the unionid. `ask()` does so once.
   * @default 'snsapi_base'
   */
  scope?: 'snsapi_base' | 'snsapi_userinfo'
  /** @default 'https://open.weixin.qq.com/connect/oauth2/authorize' */
  authorizeURL?: string
  /** Where WeChat leads back to. @default the page's own address */
  redirectURL?: string
}

export interface WeixinQROptions {
  /** Of the website application. */
  appId: string
  /** @default 'https://open.weixin.qq.com/connect/qrconnect' */
  authorizeURL?: string
  /** @default the page's own address */
  redirectURL?: string
}

/** A `getCode`, and what a button needs beside it. */
export interface WeixinCode {
  /** A login code: the one that WeChat led back with, or the page is left for one. */
  (): Promise<string>
  /**
   * For a button: leaves for WeChat's page at once. In WeChat's browser it asks (`snsapi_userinfo`), so that the code
   * tells the unionid.
   */
  ask: () => Promise<never>
  /** Whether WeChat has led back to this page just now, with a code or with a refusal: `client.login()` takes it up. */
  readonly returned: boolean
}

/** So often in a minute, and no more, the page is left for a code: a login that fails again and again goes round otherwise. */
const MOST = 2

/** A `getCode` for pages in WeChat's browser. Make it when the page loads: it takes the code out of the address at once. */
export function weixinPage({ appId, scope = 'snsapi_base', authorizeURL = 'https://open.weixin.qq.com/connect/oauth2/authorize', redirectURL }: WeixinPageOptions): WeixinCode {
  return codeOf(appId, scope, 'snsapi_userinfo', authorizeURL, redirectURL)
}

/** A `getCode` for websites: the page is left for WeChat's QR code. */
export function weixinQR({ appId, authorizeURL = 'https://open.weixin.qq.com/connect/qrconnect', redirectURL }: WeixinQROptions): WeixinCode {
  return codeOf(appId, 'snsapi_login', 'snsapi_login', authorizeURL, redirectURL)
}

/**
 * The ticket that a mini program opened this page with, in the part of the address after `#`, which no server is sent:
 * `#ticket=…`, or `#/page?ticket=…` before a router. It is taken out of the address. For `client.login({ ticket })`.
 */
export function takeTicket(): string | undefined {
  if (typeof location === 'undefined') return undefined
  const found = /([#?&])ticket=([^&]*)&?/.exec(location.hash)
  if (!found) return undefined
  const hash = (location.hash.slice(0, found.index + 1) + location.hash.slice(found.index + found[0].length)).replace(/[#?&]$/, '')
  history.replaceState(history.state, '', location.pathname + location.search + hash)
  return decodeURIComponent(found[2]!)
}

/** What a tab remembers while it is at WeChat's. */
interface Left {
  state: string
  /** The fragment of the page, where routers have the path: WeChat's page puts its own in its place. */
  hash: string
}

function codeOf(appId: string, scope: string, asking: string, authorizeURL: string, redirectURL?: string): WeixinCode {
  const key = 'wugan.weixin.' + appId + '.state'
  const timesKey = 'wugan.weixin.' + appId + '.times'
  let returned = takeReturn(key)

  const leave = (wanted: string): Promise<never> => {
    const state = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
    const left: Left = { state, hash: redirectURL === undefined ? location.hash : '' }
    sessionStorage.setItem(key, JSON.stringify(left))
    // In WeChat's order, which its page insists on.
    const query = [['appid', appId], ['redirect_uri', redirectURL ?? location.href.split('#')[0]!], ['response_type', 'code'], ['scope', wanted], ['state', state]]
    // The page gives its place in the history away, so that "back" does not lead into the authorize page.
    location.replace(`${authorizeURL}?${query.map(([name, value]) => `${name!}=${encodeURIComponent(value!)}`).join('&')}#wechat_redirect`)
    return new Promise(() => undefined)
  }

  const getCode = (): Promise<string> => {
    const now = returned
    // A code works once, and a refusal is told once: after that, the page is left again.
    returned = undefined
    if (now) return 'code' in now ? Promise.resolve(now.code) : Promise.reject(new Error(now.problem))
    const times = (JSON.parse(sessionStorage.getItem(timesKey) ?? '[]') as number[]).filter((at) => Math.abs(Date.now() - at) < 60000)
    if (times.length >= MOST) return Promise.reject(new Error('WeChat was asked for a code twice, and no login came of it'))
    sessionStorage.setItem(timesKey, JSON.stringify(times.concat(Date.now())))
    return leave(scope)
  }
  return Object.assign(getCode, { ask: () => leave(asking), returned: !!returned })
}

/** What WeChat's page led back with: taken out of the address, so that a reload or a copy of it holds nothing. */
function takeReturn(key: string): { code: string } | { problem: string } | undefined {
  if (typeof location === 'undefined') return undefined
  const address = new URL(location.href)
  const code = address.searchParams.get('code')
  const state = address.searchParams.get('state')
  const left = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Left | null
  // An address that we did not ask for may have names of its own like these.
  if (state === null || !left) return undefined
  address.searchParams.delete('code')
  address.searchParams.delete('state')
  // A fragment passes through redirects.
  if (address.hash === '#wechat_redirect' || !address.hash) address.hash = left.hash
  history.replaceState(history.state, '', address)
  sessionStorage.removeItem(key)
  if (state !== left.state) return { problem: 'the state is not the one that this tab sent' }
  return code ? { code } : { problem: 'the login was declined' }
}
