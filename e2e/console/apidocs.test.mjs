// What a developer sees who opens the page of the HTTP API in Chromium, tried against the real service whose /docs is
// DOCS_URL. The Go test beside it starts the service, and makes login codes at CONTROL_URL.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accessible, launch, watched } from './chromium.mjs'

const { DOCS_URL: address, CONTROL_URL: control } = process.env

let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Opens the page at an operation. */
async function open(t, hash, { english = true, ...options } = {}) {
  const page = await watched(t, browser, new URL(address).origin, /status of 4\d\d/, { viewport: { width: 1280, height: 900 }, ...options })
  await page.goto(address + '#' + hash)
  if (english) await page.getByRole('button', { name: 'English' }).click()
  await page.locator('h1').waitFor()
  return page
}

const button = (page, name) => page.getByRole('button', { name, exact: true })
const outcome = (page) => page.locator('.outcome')
const newCode = async () => (await fetch(control + '/code', { method: 'POST' })).text()

async function send(page, status) {
  await button(page, 'Send').click()
  await outcome(page).getByText(status).waitFor()
  return page.locator('.try pre').nth(1).textContent()
}

async function logIn(page) {
  await page.locator('.try textarea').fill(JSON.stringify({ code: await newCode() }))
  return JSON.parse(await send(page, '200'))
}

test('Chinese comes first, English is one click away, and the choice is kept', async (t) => {
  const page = await open(t, 'refresh', { english: false })
  await page.getByText('用刷新令牌换取新令牌').waitFor()
  await button(page, 'English').click()
  await page.getByText('Exchange a refresh token for new tokens').waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en')
  await page.reload()
  await page.getByText('Exchange a refresh token for new tokens').waitFor()
})

test('an operation is found by a word of either language and by an error code', async (t) => {
  const page = await open(t, '', { english: false })
  const filter = page.getByRole('searchbox')
  for (const word of ['刷新令牌', 'refresh_reused', 'Exchange refresh']) {
    await filter.fill(word)
    await page.locator('nav a[href="#refresh"]').waitFor()
  }
  await filter.fill('refresh_reused')
  assert.equal(await page.locator('nav a[href="#getMe"]').count(), 0)
  await page.locator('nav a[href="#refresh"]').click()
  await page.locator('h1', { hasText: '/api/v1/auth/refresh' }).waitFor()
  await filter.fill('no such word')
  await page.getByText('没有接口包含这些文字。').waitFor()
})

test('every operation opens, and none is a page of many screens', async (t) => {
  const page = await open(t, '')
  const targets = await page.locator('nav a').evaluateAll((links) => links.map((link) => link.getAttribute('href')))
  assert.ok(targets.length > 60, String(targets.length))
  for (const target of targets) {
    await page.evaluate((hash) => { location.hash = hash }, target)
    await page.locator(`nav a[aria-current][href="${target}"]`).waitFor()
    await page.locator('h1').waitFor()
    const [height, width] = await page.evaluate(() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth])
    assert.ok(height < 8000 && width <= 1280, `${target}: ${width} × ${height}`)
  }
})

test('a request is tried with a token of one’s own, which is stored nowhere', async (t) => {
  const page = await open(t, 'login')
  const tokens = await logIn(page)
  await page.evaluate(() => { location.hash = '#getMe' })
  await page.locator('.try input[type=password]').fill(tokens.accessToken)
  assert.equal(JSON.parse(await send(page, '200')).id, tokens.user.id)
  assert.ok(!JSON.stringify(await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])).includes(tokens.accessToken))
  assert.ok(!(await page.locator('.try ~ *, figure').allTextContents()).join().includes(tokens.accessToken), 'no sample shows it')
  await page.locator('.try input[type=password]').fill('not-a-token')
  assert.equal(JSON.parse(await send(page, '401')).code, 'token_invalid')
  await page.reload()
  assert.equal(await page.locator('.try input[type=password]').inputValue(), '')
})

test('what takes something away wants a second step', async (t) => {
  const page = await open(t, 'login')
  const tokens = await logIn(page)
  await page.evaluate(() => { location.hash = '#logoutAll' })
  await page.locator('.try input[type=password]').fill(tokens.accessToken)
  await button(page, 'Send').click()
  assert.equal(await outcome(page).count(), 0)
  await page.getByLabel('I am sure').check()
  await send(page, '204')
})

test('a form of RFC 6749 is sent as a form', async (t) => {
  const page = await open(t, 'login')
  const { refreshToken } = await logIn(page)
  await page.evaluate(() => { location.hash = '#oauthRevoke' })
  await page.locator('.try textarea').fill(new URLSearchParams({ token: refreshToken }).toString())
  await page.getByLabel('I am sure').check()
  await send(page, '200')
})

test('a parameter of the path is asked for', async (t) => {
  const page = await open(t, 'endSession')
  await page.getByLabel('I am sure').check()
  await button(page, 'Send').click()
  assert.equal(await page.locator('.try input:invalid').count(), 1)
})

test('the list of error codes leads to who answers with them', async (t) => {
  const page = await open(t, 'errors')
  const row = page.locator('#error-refresh_reused')
  assert.match(await row.textContent(), /401/)
  await row.getByRole('link', { name: 'POST /auth/refresh' }).click()
  await page.locator('h1', { hasText: '/api/v1/auth/refresh' }).waitFor()
})

for (const [english, colorScheme, width] of [[false, 'light', 1280], [true, 'dark', 1280], [false, 'dark', 390], [true, 'light', 390]]) {
  test(`${english ? 'en' : 'zh'}, ${colorScheme}, ${width} pixels: axe finds nothing, nothing is cut off`, async (t) => {
    const page = await open(t, '', { english, colorScheme, viewport: { width, height: 844 } })
    for (const hash of ['', 'errors', 'login', 'adminFindUsers', 'oauthIntrospect']) {
      await page.evaluate((to) => { location.hash = '#' + to }, hash)
      await page.locator('h1').waitFor()
      await accessible(page, hash)
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, hash)
    }
  })
}
