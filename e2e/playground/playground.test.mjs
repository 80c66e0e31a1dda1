// What somebody sees who opens the playground in Chromium, tried against the real `wugan dev` whose address is in
// PLAYGROUND_URL. Everything is done with the keyboard.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { mkdir, readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const address = process.env.PLAYGROUND_URL
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PHONE = { width: 390, height: 844 }
const DESKTOP = { width: 1280, height: 900 }

let browser
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
})
after(() => browser?.close())

/** Opens the page as a new person, and notes whatever should not happen. */
async function open(t, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB', ...options })
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    // The browser reports every 401 and 503, which the page is about.
    if (message.type() === 'error' && !/status of (401|503)/.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(address).origin) faults.push('a request to ' + request.url())
  })
  t.after(async () => {
    await context.close()
    assert.deepEqual(faults, [])
  })
  await page.goto(address)
  await settled(page)
  return page
}

async function settled(page) {
  await page.waitForSelector('body[data-ready=true][data-busy=false]', { timeout: 30_000 })
}

/** Goes to an element by Tab alone. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 40; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return
    await page.keyboard.press('Tab')
  }
  assert.fail(`Tab does not lead to ${selector}`)
}

/** Plays a scene by the keyboard and reads it when it has ended. */
async function play(page, name, key = 'Enter', selector = `button[data-play=${name}]`) {
  await tabTo(page, selector)
  await page.keyboard.press(key)
  await settled(page)
  const scene = page.locator(`article[data-scene=${name}]`).first()
  await scene.and(page.locator('[data-state=done]')).waitFor({ timeout: 5000 }).catch(async () => {
    assert.fail(`${name} went otherwise: ${await scene.innerText()}`)
  })
  return {
    facts: (await scene.locator('.facts').innerText()).split(' · ').slice(0, -1),
    rows: await scene.locator('.row').evaluateAll((rows) => rows.map((row) =>
      [row.querySelector('.label').textContent, row.querySelector('.outcome').textContent].join(': '))),
    told: await scene.locator('.told').textContent(),
  }
}

const heard = (page) => page.locator('#said').textContent()

test('the first request signs in by itself', async (t) => {
  const page = await open(t)
  const scene = page.locator('article[data-scene=opened]')
  assert.match(await scene.innerText(), /1 request · 1 login · 1 response/)
  assert.equal(await page.locator('#state').innerText(), 'logged in')
  assert.equal(await page.locator('#noticed').innerText(), 'nothing')
})

test('in English, every button shows what it promises', async (t) => {
  const page = await open(t)

  const five = await play(page, 'five')
  assert.deepEqual(five.facts, ['5 requests', '5 × 401', '1 refresh', '5 responses'])
  assert.equal(five.rows.filter((row) => /401 token_expired → 20[04]$/.test(row)).length, 5)
  assert.ok(five.rows.includes('phonerefresh: 200'))
  assert.match(five.told, /one refresh/)
  assert.ok((await heard(page)).includes(five.told), 'what is seen is also said')

  const lost = await play(page, 'lost', 'Space')
  assert.deepEqual(lost.facts, ['1 request', '1 × 401', '1 response lost', '1 refresh', '1 response'])
  assert.ok(lost.rows.includes('phonerefresh: lost → 200'))

  const stolen = await play(page, 'stolen')
  assert.ok(stolen.rows.includes('thiefrefresh: 401 refresh_reused'), stolen.rows.join('\n'))
  assert.ok(stolen.rows.includes('phoneGET /users/me: 401 session_revoked → 200'))
  assert.ok(stolen.rows.includes('phonelogin: 200'))

  const wechat = await play(page, 'wechat', 'Space')
  assert.ok(wechat.rows.includes('phoneGET /users/me: 401 token_expired → 200'))
  assert.ok(wechat.rows.some((row) => /^visitorlogin: (503 wechat_unavailable → )+200$/.test(row)), wechat.rows.join('\n'))
  assert.ok(wechat.rows.includes('visitorGET /users/me: 200'))

  const ends = await play(page, 'ends')
  assert.ok(ends.rows.includes('phonePOST /users/me/phone: 200'), ends.rows.join('\n'))
  assert.ok(ends.rows.includes('Alipaylogin: 200 → 200'), ends.rows.join('\n'))
  assert.match(ends.told, /one user with two identities/)
  assert.deepEqual((await play(page, 'ends', 'Space')).facts, ['4 requests', '2 logins', '4 responses'], 'it can be played again')

  assert.deepEqual((await play(page, 'one')).facts, ['1 request', '1 response'])
  assert.equal(await page.locator('#noticed').innerText(), 'nothing', 'after all of this')

  const everywhere = await play(page, 'everywhere')
  assert.ok(everywhere.rows.includes('tabletGET /users/me: 401 session_revoked → ✕ logged_out'), everywhere.rows.join('\n'))
  assert.ok(everywhere.rows.includes('tabletrefresh: 401 session_revoked'))
  assert.equal(await page.locator('#state').innerText(), 'logged out')

  await play(page, 'login', 'Enter', '#log-in-or-out')
  assert.equal(await page.locator('#state').innerText(), 'logged in')
  await play(page, 'logout', 'Enter', '#log-in-or-out')
  assert.equal(await page.locator('#state').innerText(), 'logged out')
})

test('in Chinese, every button shows what it promises', async (t) => {
  const page = await open(t, { locale: 'zh-CN', viewport: PHONE })
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
  const expected = {
    five: ['5 个请求', '5 × 401', '1 次刷新', '5 个响应'],
    lost: ['1 个请求', '1 × 401', '丢失 1 个响应', '1 次刷新', '1 个响应'],
    stolen: ['2 个请求', '3 × 401', '2 次刷新', '1 次登录', '2 个响应'],
    wechat: ['2 个请求', '1 × 401', '1 × 503', '1 次刷新', '1 次登录', '2 个响应'],
    ends: ['5 个请求', '2 次登录', '5 个响应'],
    one: ['1 个请求', '1 个响应'],
    everywhere: ['3 个请求', '2 × 401', '1 次登录', '2 个响应', '1 个被拒'],
  }
  for (const [name, facts] of Object.entries(expected)) {
    const scene = await play(page, name)
    assert.deepEqual(scene.facts, facts, name)
    assert.ok((await heard(page)).includes(scene.told))
  }
  assert.equal(await page.locator('#noticed').innerText(), '毫无察觉')
})

// With SCREENSHOTS=$PWD/docs/images these are the pictures of both READMEs.
for (const [language, locale] of [['en', 'en-GB'], ['zh', 'zh-CN']]) {
  test(`on a small desktop, what has just been played is seen without scrolling, ${language}`, async (t) => {
    const page = await open(t, { locale, viewport: { width: 1280, height: 800 } })
    const { told } = await play(page, 'five')
    const { y, height } = await page.getByText(told, { exact: true }).last().boundingBox()
    assert.ok(y > 0 && y + height <= 800, `from ${y} to ${y + height}`)
    if (process.env.SCREENSHOTS) {
      await mkdir(process.env.SCREENSHOTS, { recursive: true })
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/playground-${language}.png` })
    }
  })
}

test('the language follows the browser, can be changed, and is remembered', async (t) => {
  const page = await open(t, { locale: 'zh-TW' })
  assert.match(await page.title(), /演练场/)
  const titles = await page.locator('.title').allInnerTexts()
  assert.ok(titles.every((title) => /\p{Script=Han}/u.test(title)), titles.join())
  await tabTo(page, '#language')
  await page.keyboard.press('Enter')
  assert.equal(await page.title(), 'wugan playground')
  assert.match(await page.locator('article[data-scene=opened]').innerText(), /1 request · 1 login · 1 response/, 'what has happened is translated, too')
  const shown = await page.locator('body').innerText()
  assert.deepEqual(shown.match(/\p{Script=Han}+/gu), ['无感', '中文'])
  await page.reload()
  await settled(page)
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
})

test('a reload keeps the session', async (t) => {
  const page = await open(t)
  await page.reload()
  await settled(page)
  assert.match(await page.locator('article[data-scene=opened]').innerText(), /1 request · 1 response/)
  assert.equal(await page.locator('#logins').innerText(), '0')
})

test('30-second tokens run down and are renewed, and every request is answered', async (t) => {
  const page = await open(t)
  await tabTo(page, '#short')
  await page.keyboard.press('Space')
  await settled(page)
  assert.match(await page.locator('#access .left').innerText(), /^(30|2\d) s$/)
  const token = await page.locator('#access .tail').innerText()
  await tabTo(page, '#steady')
  await page.keyboard.press('Space')
  await page.waitForFunction(() => Number(document.querySelector('#access [role=meter]').getAttribute('aria-valuenow')) < 60, null, { timeout: 20_000 })
  await page.waitForFunction((old) => document.querySelector('#access .tail').textContent !== old, token, { timeout: 30_000 })
  await page.keyboard.press('Space')
  const strip = page.locator('article[data-scene=steady][data-state=done]')
  await strip.waitFor({ timeout: 10_000 })
  const facts = await strip.locator('.facts').innerText()
  // A request that leaves in a token's last second may be refused on its way, and is sent again.
  const [, requests, answers] = /^(\d+) requests · (?:1 × 401 · )?1 refresh · (\d+) responses/.exec(facts) ?? assert.fail(facts)
  assert.equal(answers, requests)
  assert.match(await strip.locator('.told').innerText(), /every request was answered/)
  assert.equal(await page.locator('#noticed').innerText(), 'nothing')
})

for (const [width, viewport] of [['a phone', PHONE], ['a desktop', DESKTOP]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`on ${width}, ${colorScheme}, nothing overflows, contrasts hold, and the focus is seen`, async (t) => {
      const page = await open(t, { viewport, colorScheme, reducedMotion: 'reduce' })
      await play(page, 'stolen')
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0)
      const cut = await page.locator('.label, .pill, .facts, .title, .left').evaluateAll((all) =>
        all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent))
      assert.deepEqual(cut, [])

      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => globalThis.axe.run())
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`), [])

      for (const selector of ['#language', 'button[data-play=five]', '#log-in-or-out']) {
        await tabTo(page, selector)
        assert.equal(await page.locator(selector).evaluate((one) => getComputedStyle(one).outlineStyle), 'solid', selector)
      }
      await tabTo(page, '#short')
      assert.equal(await page.locator('#short + .knob').evaluate((one) => getComputedStyle(one).outlineStyle), 'solid')
      assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0, 'motion is reduced')
    })
  }
}

test('while a scene is played, a second press does nothing and the focus stays', async (t) => {
  const page = await open(t)
  await tabTo(page, 'button[data-play=five]')
  await page.keyboard.press('Enter')
  assert.equal(await page.locator('button[data-play=lost]').getAttribute('aria-disabled'), 'true')
  await page.keyboard.press('Enter')
  await settled(page)
  assert.equal(await page.locator('article[data-scene=five]').count(), 1)
  assert.ok(await page.evaluate(() => document.activeElement.matches('button[data-play=five]')))
})
