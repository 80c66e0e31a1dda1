/** examples/browser as it stands, in Chromium, in front of the real service (WUGAN_BIN or WUGAN_URL) and of examples/shop (SHOP_BIN). */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type LiveServer, liveServer } from '../live/server'
import { openChromium } from './chromium'

const example = join(import.meta.dirname, '../../../examples/browser')
const PORT = '15173'
const SHOP = 'http://127.0.0.1:15174'
let live: LiveServer
let site: ChildProcess
let shop: ChildProcess
let browser: Browser

beforeAll(async () => {
  execFileSync('npm', ['install', '--offline', '--no-package-lock', '--no-audit', '--no-fund'], { cwd: example, stdio: 'ignore' })
  live = await liveServer()
  const { SHOP_BIN } = process.env
  if (!SHOP_BIN) throw new Error('set SHOP_BIN to the built examples/shop')
  const { issuer } = await (await fetch(live.url + '/.well-known/openid-configuration')).json() as { issuer: string }
  shop = spawn(SHOP_BIN, { env: { ...process.env, ADDR: '127.0.0.1:15174', AUTH_URL: issuer }, stdio: 'ignore' })
  await vi.waitUntil(() => fetch(SHOP + '/healthz').then(({ ok }) => ok, () => false), { timeout: 20000 })
  site = spawn('node', ['serve.js'], { cwd: example, env: { ...process.env, PORT, SERVICE: live.url, SHOP } })
  await new Promise((resolve) => site.stdout?.once('data', resolve))
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  site.kill()
  shop.kill()
  await live.close()
})

const newest = (page: Page, text: string | RegExp) => page.locator('#log li').filter({ hasText: text }).first().waitFor()

it('logs in by WeChat\'s pages, silently inside WeChat and by a button elsewhere, and by a ticket, with nothing left in the address', async () => {
  const address = `http://127.0.0.1:${PORT}/`
  const shows = (page: Page) => page.waitForFunction(() => /^authenticated: /.test(document.querySelector('#session')!.textContent))
  const inside = await (await browser.newContext({ userAgent: 'Mozilla/5.0 (iPhone) MicroMessenger/8.0' })).newPage()
  await inside.goto(address)
  await inside.click('#me')
  await shows(inside)
  expect(inside.url()).toBe(address)

  const website = await (await browser.newContext()).newPage()
  await website.goto(address)
  await website.click('#weixin')
  await newest(website, 'hello')
  await shows(website)
  expect(website.url()).toBe(address)
  // The same person sits before both pages.
  const who = (page: Page) => page.textContent('#session')
  expect(await who(website)).toBe(await who(inside))

  const login = await fetch(live.url + '/api/v1/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"code":"dev:bob"}' })
  const { accessToken, user } = await login.json() as { accessToken: string; user: { id: string } }
  const issued = await fetch(live.url + '/api/v1/auth/ticket', { method: 'POST', headers: { authorization: 'Bearer ' + accessToken, 'content-type': 'application/json' }, body: '{}' })
  const { ticket } = await issued.json() as { ticket: string }
  const webView = await (await browser.newContext()).newPage()
  await webView.goto(address + '#ticket=' + ticket)
  await newest(webView, 'hello ' + user.id)
  expect(webView.url()).toBe(address)
})

it('asks for a login, answers, renews, survives a logout everywhere only by a login, and tells the other tab', async () => {
  const context = await browser.newContext()
  const wrong: string[] = []
  const open = async () => {
    const page = await context.newPage()
    page.on('pageerror', (error) => wrong.push(error.message))
    await page.goto(`http://127.0.0.1:${PORT}/`)
    return page
  }
  const page = await open()
  await page.click('#me')
  await newest(page, 'AuthError: login_required')

  await page.fill('[name=name]', 'page' + String(Date.now()))
  await page.click('#login button')
  await newest(page, 'hello')
  await page.waitForTimeout(2100)
  await page.click('#five')
  await newest(page, '200 200 200 200 200')
  await newest(page, 'refreshed')

  const other = await open()
  await other.click('#me')
  await newest(other, '"nickname"')
  await page.click('#logout')
  await newest(page, 'bye')
  await newest(other, 'loggedOut')
  await page.click('#login button')
  await newest(other, 'loggedIn')

  await page.click('#everywhere')
  await newest(page, 'logout-all: 204')
  await page.waitForTimeout(1100)
  await page.click('#me')
  // The service says that the user signed out everywhere.
  await newest(page, 'AuthError: logged_out')
  await newest(other, 'loggedOut')
  expect(wrong).toEqual([])
  await context.close()
})

it('asks for an answer in pieces and keeps a socket, through renewals, and draws each call without a token', async () => {
  const context = await browser.newContext()
  const wrong: string[] = []
  const said: string[] = []
  const page = await context.newPage()
  page.on('pageerror', (error) => wrong.push(error.message))
  page.on('console', (message) => said.push(message.text()))
  await page.goto(`http://127.0.0.1:${PORT}/`)
  await page.fill('[name=name]', 'reader' + String(Date.now()))
  await page.click('#login button')
  await newest(page, 'hello')
  await page.waitForTimeout(2100)
  await page.click('#ask')
  await newest(page, 'advice: 泡茶：龙井用八十度的水，泡两分钟，第二泡最好🍵')

  // Tokens live two seconds: the connection sees three of them.
  const sockets: string[] = []
  page.on('websocket', (one) => {
    one.on('framesent', ({ payload }) => sockets.push(String(payload)))
  })
  await page.click('#listen')
  await newest(page, 'socket: open')
  await expect.poll(() => new Set(sockets.filter((text) => text.includes('"auth"'))).size, { timeout: 20000 }).toBeGreaterThanOrEqual(3)
  await page.locator('#notice').filter({ hasText: '"order"' }).waitFor()
  expect(await page.locator('#log li').filter({ hasText: 'socket: waiting' }).count()).toBe(0)
  await page.click('#logout')
  await newest(page, 'socket: loggedOut')

  const drawn = await page.locator('#calls').innerText()
  for (const what of ['POST /api/v1/auth/login', 'POST /api/v1/auth/refresh', 'POST /shop/advice', 'loggedIn', 'refreshed']) expect(drawn).toContain(what)
  expect(said.filter((line) => line.startsWith('[wugan] ')).length).toBeGreaterThan(5)
  expect(drawn + said.join('\n')).not.toMatch(/eyJ|dev:reader/)
  expect(wrong).toEqual([])
  await context.close()
})
