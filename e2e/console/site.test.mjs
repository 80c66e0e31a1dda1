// What a reader sees who opens the documentation in Chromium. The Go test beside it builds the site and serves it at
// SITE_URL.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, watched } from './chromium.mjs'

const address = process.env.SITE_URL

let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Opens a page; the test fails for a request to another origin and for any error. */
async function open(t, path, options) {
  const page = await watched(t, browser, address, /^$/, { viewport: { width: 1280, height: 900 }, ...options })
  page.setDefaultTimeout(60_000)
  await page.goto(address + path)
  return page
}

/** Searches, and waits for a result whose place in the documentation has this text. */
async function finds(page, words, place) {
  await page.locator('.DocSearch-Button').click()
  await page.locator('.search-input').fill(words)
  await page.locator('.result').filter({ hasText: place }).first().waitFor()
  await page.keyboard.press('Escape')
}

test('Chinese is at the root, and English is the same page elsewhere', async (t) => {
  const page = await open(t, '/rotation')
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
  await page.getByRole('heading', { level: 1, name: '刷新令牌轮换' }).waitFor()
  await page.getByRole('button', { name: '语言' }).first().hover()
  await page.getByRole('link', { name: 'English' }).first().click()
  await page.getByRole('heading', { level: 1, name: 'Refresh token rotation' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/en/rotation')
})

test('a search finds Chinese words inside sentences, settings, and English', async (t) => {
  const page = await open(t, '/start')
  await finds(page, '反复失效', '用户登录态反复失效') // no blank ends a word
  await finds(page, 'WUGAN_REFRESH_GRACE', '刷新令牌轮换')
  await finds(await open(t, '/en/start'), 'lost response', 'The response is lost')
})

test('diagrams are drawn, in light and in dark, and their labels fit', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(t, '/identity', { colorScheme })
    await page.locator('.diagram svg').first().waitFor()
    const cut = await page.$$eval('.diagram foreignObject', (all) =>
      all.filter((one) => one.firstElementChild.scrollHeight > one.clientHeight + 2).map((one) => one.textContent))
    assert.deepEqual(cut, [])
  }
})

test('every page of the sidebar is there in both languages, and none is wider than a phone', async (t) => {
  const page = await open(t, '/start', { viewport: { width: 390, height: 844 } })
  const paths = await page.$$eval('.VPSidebar a', (all) => all.map((one) => one.getAttribute('href')))
  assert.ok(paths.length > 40, `${paths.length} pages`)
  for (const path of ['/', '/en/', ...paths, ...paths.map((one) => '/en' + one)]) {
    const response = await page.goto(address + path)
    assert.equal(response.status(), 200, path)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path + ' scrolls sideways')
  }
})
