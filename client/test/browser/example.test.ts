/** examples/browser as it stands, in Chromium, in front of the real service (WUGAN_BIN or WUGAN_URL). */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LiveServer, liveServer } from '../live/server'
import { openChromium } from './chromium'

const example = join(import.meta.dirname, '../../../examples/browser')
const PORT = '15173'
let live: LiveServer
let site: ChildProcess
let browser: Browser

beforeAll(async () => {
  execFileSync('npm', ['install', '--offline', '--no-package-lock', '--no-audit', '--no-fund'], { cwd: example, stdio: 'ignore' })
  live = await liveServer()
  site = spawn('node', ['serve.js'], { cwd: example, env: { ...process.env, PORT, SERVICE: live.url } })
  await new Promise((resolve) => site.stdout?.once('data', resolve))
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  site.kill()
  await live.close()
})

const newest = (page: Page, text: string | RegExp) => page.locator('#log li').filter({ hasText: text }).first().waitFor()

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
