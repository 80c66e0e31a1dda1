// What a support person sees who opens the console in Chromium, tried against the real service whose address is in
// CONSOLE_URL. The Go test beside it made the people, and stops and starts the pod.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { accessible, launch, watched } from './chromium.mjs'

const { CONSOLE_URL: address, CONTROL_URL: control, ADMIN_KEY, SUPPORT_KEY, GATEWAY_KEY, STORE } = process.env
const people = JSON.parse(process.env.PEOPLE)
const PHONE = { width: 390, height: 844 }
const DESKTOP = { width: 1280, height: 900 }
const WIDE = { width: 1920, height: 1080 }

let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Opens the console. */
async function open(t, { expected = /status of (400|401|403|404|429)/, clock = false, english = true, ...options } = {}) {
  const page = await watched(t, browser, new URL(address).origin, expected,
    { viewport: DESKTOP, locale: 'en-GB', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce', ...options })
  if (clock) await page.clock.install()
  await page.goto(address)
  if (english) await page.getByRole('button', { name: 'English' }).click()
  return page
}

async function enter(page, key, actor = '') {
  await page.locator('input[name=key]').fill(key)
  if (actor) await page.locator('input[name=actor]').fill(actor)
  await page.locator('button[type=submit]').click()
  await page.locator('.search').waitFor()
  await page.locator('.people > li').first().waitFor()
}

async function inside(t, key, options) {
  const page = await open(t, options)
  await enter(page, key, '李伟')
  return page
}

async function person(page, name) {
  await page.evaluate((id) => { location.hash = '#/person/' + id }, people[name])
  await page.locator('section[aria-label] button').first().waitFor()
  await page.locator('.timeline > li').first().waitFor()
  await page.locator('.sessions').waitFor()
}

async function find(page, text, by = 'auto') {
  await page.locator('select[name=by]').selectOption(by)
  await page.locator('input[name=q]').fill(text)
  await page.locator('.search button').click()
  await page.locator('#found').waitFor()
}

const names = (page) => page.locator('.people strong').allTextContents()
const button = (page, name) => page.getByRole('button', { name, exact: true })
const said = (page, text) => page.locator('.notice', { hasText: text }).waitFor()

/** Fills in the second step of a change. */
async function confirm(page, reason, name) {
  const dialog = page.getByRole('dialog')
  await dialog.locator('input[name=reason]').fill(reason)
  await dialog.getByRole('button', { name, exact: true }).click()
}

const admin = (path, init = {}) =>
  fetch(new URL('../api/v1/admin' + path, address), { ...init, headers: { Authorization: 'Bearer ' + ADMIN_KEY, 'Content-Type': 'application/json' } })
const events = async (name) => (await (await admin(`/users/${people[name]}/events?limit=20`)).json()).events
const login = async (name, device) => (await (await fetch(`${control}/login?person=${name}&device=${encodeURIComponent(device)}`, { method: 'POST' })).json()).accessToken
const answers = async (token) => (await fetch(new URL('../api/v1/users/me', address), { headers: { Authorization: 'Bearer ' + token } })).status

async function fits(page, where) {
  assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth - document.documentElement.clientWidth,
    [...document.querySelectorAll('main *, header *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.hidden')).map((one) => one.outerHTML.slice(0, 80))]),
  [0, []], `${where} is not wider than the window`)
}

test('a wrong key is refused, and so is a key of another scope', async (t) => {
  const page = await open(t)
  assert.equal(await page.locator('nav').count(), 0)
  for (const [key, words] of [
    ['wrong-key-0123456789-abcdefghijklmnop', 'This key is wrong.'], ['钥匙', 'printable ASCII'], ['', 'This key is wrong.'], [GATEWAY_KEY, 'does not open the console'],
  ]) {
    await page.locator('input[name=key]').fill(key)
    await page.locator('button[type=submit]').click()
    await page.locator('.wrong', { hasText: words }).waitFor()
  }
  await enter(page, SUPPORT_KEY)
  await page.getByText('Key anna (support)').waitFor()
})

test('the key is in the tab alone, and leaving forgets it', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  const kept = () => page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie, location.href])
  const [tab, ...elsewhere] = await kept()
  assert.ok(tab.includes(SUPPORT_KEY))
  assert.ok(!elsewhere.join().includes(SUPPORT_KEY.slice(0, 12)))
  await page.reload()
  await page.locator('.people > li').first().waitFor()
  const other = await page.context().newPage()
  await other.goto(address)
  await other.locator('input[name=key]').waitFor()
  await other.close()
  await button(page, 'Leave').click()
  await page.locator('input[name=key]').waitFor()
  assert.ok(!(await kept()).join().includes(SUPPORT_KEY.slice(0, 12)))
})

test('the key is asked for again after half an hour without use', async (t) => {
  const page = await inside(t, SUPPORT_KEY, { clock: true })
  await page.clock.fastForward('20:00')
  await page.keyboard.press('Shift')
  await page.clock.fastForward('20:00')
  assert.equal(await page.locator('.search').count(), 1, 'used 20 minutes ago')
  await page.clock.fastForward('10:30')
  await page.getByText('not used for 30 minutes').waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)
})

test('a person is found by whatever is known of them', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  const ming = await (await admin('/users/' + people.ming)).json()
  const [session] = (await (await admin(`/users/${people.ming}/sessions`)).json()).sessions
  for (const [text, by] of [
    ['明', 'auto'], ['明', 'nicknamePart'], ['小', 'nickname'], ['138 1234 0000', 'auto'], ['+8613812340000', 'phone'], [people.ming, 'auto'], [people.ming, 'id'],
    [session.id, 'auto'], [session.id.toUpperCase(), 'sessionId'], [people.reused, 'auto'], [people.reused, 'requestId'],
  ]) {
    await find(page, text, by)
    await page.locator('.people strong', { hasText: '小明' }).waitFor()
    assert.deepEqual(await names(page), ['小明'], `${by}: ${text}`)
  }
  await find(page, people.busy, 'auto')
  assert.deepEqual(await names(page), ['王小波'])
  await page.locator('select[name=by]').selectOption('openid')
  await page.locator('input[name=app]').fill(ming.identities[0].appId)
  await page.locator('input[name=q]').fill(ming.identities[0].openid)
  await page.locator('.search button').click()
  await page.locator('.people strong', { hasText: '小明' }).waitFor()
  assert.deepEqual(await names(page), ['小明'])
  await find(page, 'nobody at all', 'nickname')
  await page.getByText('Nobody fits.').waitFor()
  assert.ok(!page.url().includes('nobody'), 'what is looked for is in no address')
})

test('everybody is listed page by page, with how many there are', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await page.getByText('35 in all · 20 shown').waitFor()
  await button(page, 'Load more').click()
  await page.getByText('35 in all', { exact: true }).waitFor()
  assert.equal(await page.locator('.people > li').count(), 35)
  assert.equal(await button(page, 'Load more').count(), 0)
})

test('a nickname is text whatever it holds, in any script', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  for (const [who, name] of [['mallory', '<img src=x onerror=alert(1)> & "M"'], ['mariam', 'مريم العلي'], ['anong', 'อนงค์ ดีใจ'], ['lihua', '李华 🐼'], ['zoe', 'Zoë Müller']]) {
    await find(page, [...name].slice(0, 4).join(''), 'nicknamePart')
    await page.locator('.people strong', { hasText: name }).click()
    await page.locator('h1', { hasText: name }).waitFor()
    assert.equal(await page.locator('h1').textContent(), name, who)
    assert.equal(await page.locator('main img').count(), 0)
    await page.getByText('Back to search').click()
  }
})

test('a phone number is masked until it is asked for, and that is recorded', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await person(page, 'ming')
  assert.ok(!(await page.locator('main').textContent()).includes('13812340000'))
  await page.getByText('138****0000').waitFor()
  await button(page, 'Show in full').click()
  await page.getByText('+8613812340000').waitFor()
  const [event] = await events('ming')
  assert.deepEqual([event.kind, event.actor, event.detail], ['phone_read', 'anna', { onBehalfOf: '李伟' }])
  await button(page, 'Refresh').click()
  await page.locator('.timeline > li', { hasText: 'The phone number was read in full' }).getByText('By anna (for 李伟)').waitFor()
})

test('support ends one session, then all, after a second step with a reason', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  const [first, second] = [await login('zoe', 'Zoë’s old phone'), await login('zoe', 'Zoë’s tablet')]
  await person(page, 'zoe')
  await button(page, 'End session: Zoë’s old phone').click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'End session' }).click()
  await dialog.getByText('Enter a reason.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(await answers(first), 200)
  await button(page, 'End session: Zoë’s old phone').click()
  await confirm(page, 'ticket 12: lost', 'End session')
  await said(page, 'The session has ended.')
  assert.deepEqual([await answers(first), await answers(second)], [401, 200])
  await page.locator('.sessions > li', { hasText: 'Zoë’s old phone' }).getByText('ended by support').waitFor()
  await page.locator('.timeline > li', { hasText: 'A session ended' }).getByText('Comment: ticket 12: lost').waitFor()

  await button(page, 'Log out everywhere').click()
  await confirm(page, 'ticket 13', 'Log out everywhere')
  await said(page, 'Logged out everywhere.')
  assert.equal(await answers(second), 401)
  await page.getByText(/^\d+ in all, 0 live$/).waitFor()
})

test('disabling can be undone, and enabling is there', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await person(page, 'anong')
  const disabled = async () => (await (await admin('/users/' + people.anong)).json()).disabledReason
  await button(page, 'Disable').click()
  await confirm(page, '垃圾信息 <b>', 'Disable')
  await said(page, 'Disabled.')
  assert.equal(await disabled(), '垃圾信息 <b>')
  await page.locator('mark', { hasText: 'Disabled' }).waitFor()
  await button(page, 'Undo').click()
  await said(page, 'Undone.')
  assert.equal(await disabled(), '')
  await page.locator('mark', { hasText: 'Active' }).waitFor()

  await button(page, 'Disable').click()
  await confirm(page, 'again', 'Disable')
  await button(page, 'Enable').click()
  await confirm(page, 'was a mistake', 'Enable')
  await said(page, 'Enabled.')
  assert.equal(await disabled(), '')
  const [event] = await events('anong')
  assert.deepEqual([event.kind, event.actor, event.reason, event.detail], ['user_enabled', 'anna', 'was a mistake', { onBehalfOf: '李伟' }])
  await page.locator('.timeline > li', { hasText: 'Reason: was a mistake' }).waitFor()
})

test('a support key sees no button that it may not press, and the API refuses it all the same', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await person(page, 'lihua')
  assert.deepEqual(await page.locator('.actions button').allTextContents(), ['Log out everywhere', 'Disable'])
  const statuses = await page.evaluate(async ([id, key]) => {
    const headers = { Authorization: 'Bearer ' + key, 'Content-Type': 'application/json' }
    const out = []
    for (const [method, path, body] of [
      ['PUT', '/roles', { roles: ['admin'], reason: 'x' }], ['PUT', '/metadata', { metadata: {}, reason: 'x' }], ['DELETE', '?reason=x', undefined],
    ]) {
      const answer = await fetch('../api/v1/admin/users/' + id + path, { method, headers, body: JSON.stringify(body) })
      out.push(answer.status, (await answer.json()).code)
    }
    return out
  }, [people.lihua, SUPPORT_KEY])
  assert.deepEqual(statuses, [403, 'forbidden', 403, 'forbidden', 403, 'forbidden'])
})

test('an admin changes roles and metadata, undoes it, and deletes with the id typed again', async (t) => {
  const page = await inside(t, ADMIN_KEY)
  const read = async (name) => (await admin('/users/' + people[name])).json()
  await person(page, 'ming')
  await button(page, 'Change roles').click()
  await page.getByRole('dialog').locator('textarea').fill('editor, shop:refund')
  await confirm(page, 'new in the team', 'Save')
  await said(page, 'The roles are changed.')
  assert.deepEqual((await read('ming')).roles, ['editor', 'shop:refund'])
  await button(page, 'Undo').click()
  await said(page, 'Undone.')
  assert.deepEqual((await read('ming')).roles, ['editor'])

  await button(page, 'Change roles').click()
  await page.getByRole('dialog').locator('textarea').fill('编辑')
  await confirm(page, 'x', 'Save')
  await page.getByRole('dialog').getByText('holds what is no role').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

  await button(page, 'Change metadata').click()
  for (const [wrong, words] of [['{"tier":', 'Not a JSON object'], ['[1]', 'Not a JSON object']]) {
    await page.getByRole('dialog').locator('textarea').fill(wrong)
    await confirm(page, 'x', 'Save')
    await page.getByRole('dialog').getByText(words).waitFor()
  }
  await page.getByRole('dialog').locator('textarea').fill('{"tier": "platinum", "vip": true}')
  await confirm(page, 'paid', 'Save')
  await said(page, 'The metadata is changed.')
  assert.deepEqual((await read('ming')).metadata, { tier: 'platinum', vip: true })
  await page.locator('.notice', { hasText: 'The metadata is changed.' }).getByRole('button', { name: 'Undo' }).click()
  await page.waitForFunction(() => [...document.querySelectorAll('.notice')].every((n) => !n.textContent.includes('metadata')))
  assert.deepEqual((await read('ming')).metadata, { tier: 'gold' })

  await person(page, 'mallory')
  await button(page, 'Merge').click()
  for (const wrong of ['nobody', people.mallory]) {
    await page.getByRole('dialog').locator('input[name=from]').fill(wrong)
    await confirm(page, 'the same person', 'Merge')
    await page.getByText('Enter the user id of another person.').waitFor()
  }
  await page.getByRole('dialog').locator('input[name=from]').fill(people.nameless)
  await confirm(page, 'the same person', 'Merge')
  await said(page, 'Merged.')
  await page.getByText('2 in all', { exact: true }).waitFor()
  assert.equal((await admin('/users/' + people.nameless)).status, 404)
  await page.locator('.timeline > li', { hasText: 'Two people became one' }).waitFor()

  await person(page, 'leaver')
  await button(page, 'Delete person').click()
  await page.getByRole('dialog').locator('input[name=typed]').fill(people.ming)
  await confirm(page, 'asked for it', 'Delete person')
  await page.getByText('This is not the user id.').waitFor()
  await page.getByRole('dialog').locator('input[name=typed]').fill(people.leaver)
  await confirm(page, 'asked for it', 'Delete person')
  await said(page, 'The person is deleted.')
  assert.equal((await admin('/users/' + people.leaver)).status, 404)
  await page.getByText('33 in all · 20 shown').waitFor()
  // What is left of them is the record.
  await page.evaluate((id) => { location.hash = '#/person/' + id }, people.leaver)
  await page.getByText('Only the record of events is left').waitFor()
  await page.locator('.timeline > li', { hasText: 'Deleted' }).waitFor()
})

test('a person with ten thousand events opens at once and goes on page by page', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  const began = Date.now()
  await person(page, 'busy')
  await page.getByText(/^10,0\d\d in all, 50 shown$/).waitFor()
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`)
  await page.locator('#events + .count').waitFor()
  await page.locator('section', { has: page.locator('#events') }).getByRole('button', { name: 'Load more' }).click()
  await page.getByText(/^10,0\d\d in all, 100 shown$/).waitFor()
  await page.getByText('13 in all, 13 live').waitFor()
  assert.equal(await page.locator('.sessions > li').count(), 10)
  await button(page, 'Show 3 more').click()
  assert.equal(await page.locator('.sessions > li').count(), 13)
  assert.ok((await page.locator('.timeline').textContent()).includes('the same device logged in again'))
  const time = page.locator('.timeline time').last()
  assert.match(await time.getAttribute('title'), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
})

test('the service shows figures of its last hour and says whose they are', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await page.getByRole('link', { name: 'Service' }).click()
  await page.getByText('These figures are of one pod').waitFor()
  await page.locator('mark', { hasText: 'Ready' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Open the dashboards' }).getAttribute('href'), 'https://grafana.example.com/d/wugan')
  for (const title of ['Logins', 'Refreshes', 'Calls to WeChat', 'Responses', 'Response times of logins and refreshes', 'Sessions purged']) {
    await page.getByRole('img', { name: title + ', the last hour, one bar a minute', exact: true }).waitFor()
  }
  const refreshes = page.locator('.charts > div', { hasText: 'used twice' }).first()
  await refreshes.locator('summary').click()
  await refreshes.locator('tr', { hasText: 'reused' }).waitFor()
  await page.getByText('2 in all', { exact: true }).waitFor()
})

test('an id is copied, and what was said is closed', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await person(page, 'mariam')
  await button(page, 'Copy User id').click()
  await page.getByText('Copied').waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), people.mariam)
  await button(page, 'Log out everywhere').click()
  await confirm(page, 'ticket 14', 'Log out everywhere')
  await said(page, 'Logged out everywhere.')
  await button(page, 'Close').click()
  assert.equal(await page.locator('.notice').count(), 0)
  await page.locator('.metadata summary').click()
  await page.locator('.metadata pre', { hasText: '{}' }).waitFor()
})

test('a key that is taken away is asked for again', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await page.evaluate(() => {
    const kept = JSON.parse(sessionStorage.getItem('wugan.console'))
    sessionStorage.setItem('wugan.console', JSON.stringify({ ...kept, key: 'gone-key-0123456789-abcdefghijklmnop' }))
  })
  await page.reload()
  await page.getByText('no longer accepted').waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)
})

test('everything is done by the keyboard', async (t) => {
  const page = await open(t)
  const tabTo = async (selector) => {
    for (let presses = 0; presses < 60; presses++) {
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) {
        assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid', selector + ' shows that it has the focus')
        return
      }
      await page.keyboard.press('Tab')
    }
    assert.fail(`Tab does not lead to ${selector}`)
  }
  await page.reload()
  await tabTo('.skip')
  await tabTo('input[name=key]')
  await page.keyboard.type(SUPPORT_KEY)
  await page.keyboard.press('Enter')
  await page.locator('.people > li').first().waitFor()
  await tabTo('input[name=q]')
  await page.keyboard.type('Zo')
  await page.keyboard.press('Enter')
  await page.locator('.people strong', { hasText: 'Zoë' }).waitFor()
  await tabTo('.people a')
  await page.keyboard.press('Enter')
  await page.locator('h1', { hasText: 'Zoë' }).waitFor()
  await tabTo('.actions button')
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  await tabTo('dialog input[name=reason]')
  for (let presses = 0; presses < 8; presses++) {
    await page.keyboard.press('Tab')
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null), 'the focus stays in the dialog')
  }
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Log out everywhere', 'the focus is where it was')
})

// SCREENSHOTS=$PWD/docs/images/console makes the pictures of docs/*/console.md; all of them with SCREENSHOTS_ALL=1.
const pictured = new Set(['person-wide', 'people-phone', 'service-wide'])
const looks = [
  ['zh', 'light', DESKTOP, 'wide'], ['zh', 'dark', PHONE, 'phone'], ['en', 'dark', WIDE, 'wide'], ['en', 'light', PHONE, 'phone'],
]
for (const [lang, colorScheme, viewport, size] of looks) {
  test(`${lang}, ${colorScheme}, ${viewport.width} pixels: axe finds nothing, nothing is cut off`, async (t) => {
    const page = await open(t, { english: lang === 'en', colorScheme, viewport })
    const look = async (name) => {
      const where = `${name}-${lang}-${colorScheme}-${size}`
      await fits(page, where)
      await accessible(page, where)
      const file = pictured.has(`${name}-${size}`) ? `${name}-${lang}-${size}` : process.env.SCREENSHOTS_ALL && where
      if (process.env.SCREENSHOTS && STORE === 'postgres' && file) {
        await mkdir(process.env.SCREENSHOTS, { recursive: true })
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/${file}.png`, fullPage: name === 'service' })
      }
    }
    assert.equal(await page.evaluate(() => document.documentElement.lang), lang === 'zh' ? 'zh-CN' : 'en')
    await look('login')
    await enter(page, ADMIN_KEY, '李伟')
    await look('people')
    await person(page, 'ming')
    await look('person')
    await page.locator('#events').scrollIntoViewIfNeeded()
    await look('events')
    await page.locator('.actions button').nth(1).click()
    await page.getByRole('dialog').waitFor()
    await look('dialog')
    await page.keyboard.press('Escape')
    await person(page, 'busy')
    await fits(page, 'a person with many sessions')
    await page.evaluate(() => { location.hash = '#/service' })
    await page.locator('.charts svg').first().waitFor()
    await look('service')
  })
}

test('a pod that goes down is told of, and what was there stays until it is back', async (t) => {
  const page = await inside(t, SUPPORT_KEY, { expected: /ERR_|status of/ })
  await person(page, 'ming')
  t.after(() => fetch(control + '/start', { method: 'POST' })) // the tests after this one need it, whatever happens here
  await fetch(control + '/stop', { method: 'POST' })
  await button(page, 'Refresh').click()
  await page.getByText('The service does not respond. What you see may be out of date.').waitFor()
  await page.locator('.failure').first().waitFor()
  assert.equal(await page.locator('h1').textContent(), '小明')
  await button(page, 'Disable').click()
  await confirm(page, 'now?', 'Disable')
  await page.getByRole('dialog').getByText('Check the network and try again.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('link', { name: 'Service' }).click()
  await page.getByRole('heading', { level: 1, name: 'Service' }).waitFor() // until then the person's failures are there
  await page.locator('.failure').waitFor()
  await fetch(control + '/start', { method: 'POST' })
  await button(page, 'Try again').click()
  await page.locator('mark', { hasText: 'Ready' }).waitFor()
  assert.equal(await page.locator('.banner').count(), 0)
  await person(page, 'ming')
  assert.equal(await page.locator('.failure').count(), 0)
  assert.equal((await (await admin('/users/' + people.ming)).json()).disabledAt, null)
})

test('a browser that is offline is told so', async (t) => {
  const page = await inside(t, SUPPORT_KEY, { expected: /ERR_|status of/ })
  await page.context().setOffline(true)
  await page.getByText('The browser is offline.').waitFor()
  await page.context().setOffline(false)
  await page.locator('.banner').waitFor({ state: 'detached' })
})

test('the page leaves its colours to the system until they are chosen', async (t) => {
  const page = await open(t, { colorScheme: 'dark' })
  const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).every((n) => Number(n) < 80) ||
    getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).slice(0, 3).every((n) => Number(n) < 80))
  await button(page, 'Colours: system').click()
  await button(page, 'Colours: light').waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light')
  await button(page, 'Colours: light').click()
  await button(page, 'Colours: dark').waitFor()
  assert.ok(await dark())
  await page.reload()
  await button(page, 'Colours: dark').waitFor()
})

test('a part of a nickname is looked for among many, 100,000 people at a time', async (t) => {
  const page = await inside(t, SUPPORT_KEY)
  await fetch(control + '/crowd', { method: 'POST' })
  const began = Date.now()
  await find(page, '元', 'nicknamePart')
  await page.getByText('Nobody among those looked at so far.').waitFor()
  t.diagnostic(`100,000 people looked at in ${Date.now() - began} ms`)
  await button(page, 'Look at older people').click()
  await page.waitForResponse(/nicknamePart/)
  await button(page, 'Look at older people').click()
  await page.locator('.people strong', { hasText: '元老' }).waitFor()
  assert.equal(await button(page, 'Look at older people').count(), 0)
  await find(page, 'Crowd', 'nickname')
  await page.getByText('100,000 or more in all · 20 shown').waitFor()
})

test('who tries many keys is made to wait', async (t) => {
  const page = await open(t)
  for (let i = 0; i < 60; i++) {
    const { status } = await fetch(new URL('../api/v1/admin/key', address), { headers: { Authorization: `Bearer wrong-key-${i}-0123456789-abcdefghijk` } })
    if (status === 429) break
  }
  await page.locator('input[name=key]').fill('wrong-key-0123456789-abcdefghijklmnop')
  await page.locator('button[type=submit]').click()
  await page.locator('.wrong', { hasText: /Too many wrong keys came from this address. Try again in \d+ seconds/ }).waitFor()
})
