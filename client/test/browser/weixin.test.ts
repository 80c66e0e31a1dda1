/** weixinPage and weixinQR in a real page, in front of a stand-in for WeChat's pages. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { LOGIN } from '../support/device'
import { Service } from '../support/service'
import { openChromium } from './chromium'

let browser: Browser
let context: BrowserContext
let server: Server
let base = ''
let service: Service
/** What the authorize page was asked, and what it does. */
let asked: string[] = []
let answers: ('allow' | 'deny' | 'forge' | 'used' | 'wait')[] = []

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { createClient, fetchHost } from '/index.mjs'
  import { weixinPage } from '/weixin.mjs'
  const getCode = window.getCode = weixinPage({ appId: 'wx1', authorizeURL: '/connect/oauth2/authorize' })
  window.client = createClient({ host: fetchHost(), baseURL: '', getCode })
  if (getCode.returned) window.back = location.href
  window.client.get('/a').then(({ statusCode, data }) => { document.title = statusCode + ' ' + data.user }, (error) => { document.title = error.code + ': ' + (error.cause && error.cause.message) })
</script>`

/** A website: it is left when the person presses the button, and not before. And a page that is handed the person. */
const SITE = `<!doctype html><link rel="icon" href="data:,"><button>WeChat</button><script type="module">
  import { createClient, fetchHost } from '/index.mjs'
  import { takeTicket, weixinQR } from '/weixin.mjs'
  const qr = weixinQR({ appId: 'wx2', authorizeURL: '/connect/qrconnect' })
  const client = createClient({ host: fetchHost(), baseURL: '' })
  document.querySelector('button').onclick = () => { qr.ask() }
  const ticket = takeTicket()
  const login = ticket ? client.login({ ticket }) : qr.returned ? qr().then((code) => client.login(code)) : Promise.resolve()
  login.then(() => client.get('/a')).then(({ statusCode, data }) => { document.title = statusCode + ' ' + data.user }, (error) => { document.title = error.code || error.message })
</script>`

beforeAll(async () => {
  const files = Object.fromEntries(['index.mjs', 'weixin.mjs'].map((name) => ['/' + name, readFileSync(join(import.meta.dirname, '../../dist', name))]))
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => { body += String(part) })
    request.on('end', () => {
      const url = new URL(request.url!, 'http://x')
      const file = files[url.pathname]
      if (file) return response.writeHead(200, { 'content-type': 'text/javascript' }).end(file)
      if (url.pathname === '/page') return response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end(PAGE)
      if (url.pathname === '/site') return response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end(SITE)
      if (url.pathname.startsWith('/connect/')) {
        asked.push(url.search)
        const how = answers.shift() ?? 'allow'
        if (how === 'wait') return response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Agree?</title>')
        const back = new URL(url.searchParams.get('redirect_uri')!)
        if (how !== 'deny') back.searchParams.set('code', how === 'used' ? 'code:alice:spent' : service.newCode('alice'))
        back.searchParams.set('state', how === 'forge' ? 'forged' : url.searchParams.get('state')!)
        return response.writeHead(302, { location: back.href }).end()
      }
      const answer = service.handle(request.method!, url.pathname, request.headers as Record<string, string>, body ? JSON.parse(body) as unknown : undefined)
      return response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(answer.statusCode === 204 ? undefined : JSON.stringify(answer.data))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  service = new Service()
  asked = []
  answers = []
  context = await browser.newContext()
})
afterEach(() => context.close())

const open = async (): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(base + '/page?from=menu')
  return page
}
const shows = (page: Page, title: RegExp) => page.waitForFunction((source) => new RegExp(source).test(document.title), title.source)

it('first visit: away for a code and back, with a clean address, WeChat\'s order of parameters, and one login', async () => {
  const page = await open()
  await shows(page, /^200 alice$/)
  expect(page.url()).toBe(base + '/page?from=menu')
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatch(/^\?appid=wx1&redirect_uri=[^&]+&response_type=code&scope=snsapi_base&state=[0-9a-f]{32}$/)
  expect(service.to(LOGIN)).toHaveLength(1)
})

it('a reload and "back" ask for nothing more', async () => {
  const page = await context.newPage()
  await page.goto(base + '/healthz')
  await page.goto(base + '/page?from=menu')
  await shows(page, /^200 alice$/)
  await page.reload()
  await shows(page, /^200 alice$/)
  await page.goBack()
  expect(page.url()).toBe(base + '/healthz')
  expect(asked).toHaveLength(1)
})

it('a second tab shares the session', async () => {
  await shows(await open(), /^200 alice$/)
  await shows(await open(), /^200 alice$/)
  expect(asked).toHaveLength(1)
})

it('a forged state is refused, and its code is not sent', async () => {
  answers = ['forge']
  const page = await open()
  await shows(page, /^no_code: the state is not/)
  expect(service.to(LOGIN)).toHaveLength(0)
  expect(page.url()).toBe(base + '/page?from=menu')
})

it('a code and state that nobody asked for are left alone, and not sent', async () => {
  const page = await context.newPage()
  await page.goto(base + '/page?code=' + service.newCode('mallory') + '&state=x')
  await shows(page, /^200 alice$/)
  expect(service.to(LOGIN).map((call) => call.secret)).toEqual([expect.stringContaining('alice')])
})

it('declined is told, and asks nobody again by itself', async () => {
  answers = ['deny']
  await shows(await open(), /^no_code: the login was declined/)
  expect(asked).toHaveLength(1)
})

it('a code that was spent: one more, and no endless round', async () => {
  answers = ['used']
  await shows(await open(), /^200 alice$/)
  expect(asked).toHaveLength(2)
  await context.close()
  context = await browser.newContext()
  asked = []
  answers = ['used', 'used', 'used', 'used']
  await shows(await open(), /^no_code: WeChat was asked for a code twice/)
  expect(asked).toHaveLength(2)
})

it('a fragment, where a router has its path, is there again after the return', async () => {
  const page = await context.newPage()
  await page.goto(base + '/page?from=menu#/orders/3?tab=2')
  await shows(page, /^200 alice$/)
  expect(page.url()).toBe(base + '/page?from=menu#/orders/3?tab=2')
  expect(decodeURIComponent(asked[0]!)).toContain(`redirect_uri=${base}/page?from=menu&`)
})

it('two tabs on their first visit at once: each is led back to itself, one of them logs in, both are answered', async () => {
  const [one, two] = await Promise.all([open(), open()])
  await Promise.all([shows(one, /^200 alice$/), shows(two, /^200 alice$/)])
  expect(new Set(asked.map((search) => new URLSearchParams(search).get('state'))).size).toBe(asked.length)
  expect(service.to(LOGIN)).toHaveLength(1)
  for (const page of [one, two]) expect(page.url()).toBe(base + '/page?from=menu')
})

it('who goes back from WeChat\'s page without an answer leaves nothing behind that works: its state is no good later', async () => {
  answers = ['wait']
  const page = await context.newPage()
  await page.goto(base + '/healthz')
  await page.goto(base + '/page?from=menu')
  await page.waitForFunction(() => document.title === 'Agree?')
  const abandoned = new URLSearchParams(asked[0]).get('state')!
  await page.goBack()
  expect(page.url()).toBe(base + '/healthz')
  await page.goto(base + '/page?from=menu')
  await shows(page, /^200 alice$/)
  expect(asked).toHaveLength(2)
  await page.goto(`${base}/page?code=${service.newCode('mallory')}&state=${abandoned}`)
  await shows(page, /^200 alice$/)
  expect(service.to(LOGIN)).toHaveLength(1)
})

it('silent first; by a button WeChat asks, and the code that comes back is what login() takes', async () => {
  const page = await open()
  await shows(page, /^200 alice$/)
  await page.evaluate(() => { document.title = ''; void (window as unknown as { getCode: { ask: () => unknown } }).getCode.ask() })
  await shows(page, /^200 alice$/)
  expect(asked.map((search) => new URLSearchParams(search).get('scope'))).toEqual(['snsapi_base', 'snsapi_userinfo'])
  expect(await page.evaluate(() => (window as unknown as { back?: string }).back)).toBe(base + '/page?from=menu')
  await page.evaluate(() => (window as unknown as { client: { login: () => Promise<unknown> } }).client.login())
  expect(service.to(LOGIN)).toHaveLength(2)
  expect(asked).toHaveLength(2)
  await page.reload()
  await shows(page, /^200 alice$/)
  expect(await page.evaluate(() => (window as unknown as { back?: string }).back)).toBeUndefined()
})

it('a website: left at the button and not before, for the QR code, and back with a login', async () => {
  const page = await context.newPage()
  await page.goto(base + '/site')
  await shows(page, /^login_required$/)
  expect(asked).toEqual([])
  await page.click('button')
  await shows(page, /^200 alice$/)
  expect(page.url()).toBe(base + '/site')
  expect(asked[0]).toMatch(/^\?appid=wx2&redirect_uri=[^&]+&response_type=code&scope=snsapi_login&state=[0-9a-f]{32}$/)
  await page.reload()
  await shows(page, /^200 alice$/)
  expect([asked.length, service.to(LOGIN).length]).toEqual([1, 1])
})

it('a website whose QR code was declined says so, and stays', async () => {
  answers = ['deny']
  const page = await context.newPage()
  await page.goto(base + '/site')
  await page.click('button')
  await shows(page, /^the login was declined$/)
  expect([asked.length, service.to(LOGIN).length]).toEqual([1, 0])
})

it.each([['/site#ticket=ticket:bob:1', '/site'], ['/site?a=1#/orders?id=3&ticket=ticket:bob:2', '/site?a=1#/orders?id=3'], ['/site#/orders?ticket=ticket%3Abob%3A3&id=3', '/site#/orders?id=3']])('%s: a ticket logs in, and is taken out of the address', async (address, remains) => {
  const page = await context.newPage()
  await page.goto(base + address)
  await shows(page, /^200 bob$/)
  expect(page.url()).toBe(base + remains)
  await page.reload()
  await shows(page, /^200 bob$/)
  expect(service.to(LOGIN)).toHaveLength(1)
})
