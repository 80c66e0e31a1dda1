/**
 * `@wugan/client/weixin`: login codes for web pages, by WeChat's authorize page: inside WeChat's browser, and by a QR code
 * on a website. It keeps one state per tab, in sessionStorage, and takes no code that comes with another.
 */

export interface WeixinPageOptions {
  /** Of the Official Account. */
  appId: string
  /** `snsapi_base` shows no consent page; `snsapi_userinfo` does, and gives the unionid. @default 'snsapi_base' */
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

/** So often in a minute, and no more, the page is left for a code: a login that fails again and again goes round otherwise. */
const MOST = 2

/** A `getCode` for pages in WeChat's browser. Make it when the page loads: it takes the code out of the address at once. */
export function weixinPage({ appId, scope = 'snsapi_base', authorizeURL = 'https://open.weixin.qq.com/connect/oauth2/authorize', redirectURL }: WeixinPageOptions): () => Promise<string> {
  return codeOf(appId, scope, authorizeURL, redirectURL)
}

/** A `getCode` for websites: the page is left for WeChat's QR code. */
export function weixinQR({ appId, authorizeURL = 'https://open.weixin.qq.com/connect/qrconnect', redirectURL }: WeixinQROptions): () => Promise<string> {
  return codeOf(appId, 'snsapi_login', authorizeURL, redirectURL)
}

function codeOf(appId: string, scope: string, authorizeURL: string, redirectURL?: string): () => Promise<string> {
  const key = 'wugan.weixin.' + appId
  const leftKey = key + '.left'
  let returned = takeReturn(key)

  return () => {
    const now = returned
    // A code works once, and a refusal is told once: after that, the page is left again.
    returned = undefined
    if (now) return 'code' in now ? Promise.resolve(now.code) : Promise.reject(new Error(now.problem))
    const left = (JSON.parse(sessionStorage.getItem(leftKey) ?? '[]') as number[]).filter((at) => Math.abs(Date.now() - at) < 60000)
    if (left.length >= MOST) return Promise.reject(new Error('WeChat was asked for a code twice, and no login came of it'))
    sessionStorage.setItem(leftKey, JSON.stringify(left.concat(Date.now())))
    const state = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
    sessionStorage.setItem(key, state)
    // In WeChat's order, which its page insists on.
    const query = [['appid', appId], ['redirect_uri', redirectURL ?? location.href.split('#')[0]!], ['response_type', 'code'], ['scope', scope], ['state', state]]
    // The page gives its place in the history away, so that "back" does not lead into the authorize page.
    location.replace(`${authorizeURL}?${query.map(([name, value]) => `${name!}=${encodeURIComponent(value!)}`).join('&')}#wechat_redirect`)
    return new Promise(() => undefined)
  }
}

/** What WeChat's page led back with: taken out of the address, so that a reload or a copy of it holds nothing. */
function takeReturn(key: string): { code: string } | { problem: string } | undefined {
  if (typeof location === 'undefined') return undefined
  const address = new URL(location.href)
  const code = address.searchParams.get('code')
  const state = address.searchParams.get('state')
  const expected = sessionStorage.getItem(key)
  // An address that we did not ask for may have names of its own like these.
  if (state === null || expected === null) return undefined
  address.searchParams.delete('code')
  address.searchParams.delete('state')
  // A fragment passes through redirects.
  if (address.hash === '#wechat_redirect') address.hash = ''
  history.replaceState(history.state, '', address)
  sessionStorage.removeItem(key)
  if (state !== expected) return { problem: 'the state is not the one that this tab sent' }
  return code ? { code } : { problem: 'the login was declined' }
}
