/** examples/uniapp as a web page that signs in for real: by the authorize page of `wugan dev`, in Chromium. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startStack, until } from './support/stack.mjs'
import { openPhone, servePages, settle, shows, startBrowser } from './support/web.mjs'

const AUTHORIZE = '/connect/oauth2/authorize'
const LOGIN = '/api/v1/auth/login'

describe('uni-app H5 by WeChat\'s authorize page', () => {
  let stack
  let pages
  let chromium
  let phone
  let visitors = 0

  before(async () => {
    let addresses = (text) => text
    pages = await servePages('../../examples/uniapp/dist/build/h5', { rewrite: (text) => addresses(text) })
    stack = await startStack(pages.origin)
    addresses = (text) => settle(text, stack)
    chromium = await startBrowser()
  })
  after(async () => {
    await chromium?.close()
    await pages?.close()
    await stack?.close()
  })
  beforeEach(async () => {
    // Who sits before the authorize page.
    const answer = await fetch(stack.auth.url + '/dev/visitor', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ appId: 'wechat-oauth', user: `visitor${++visitors}` }) })
    assert.equal(answer.status < 300, true, await answer.text())
    stack.clear()
  })
  afterEach(async () => {
    assert.deepEqual(phone.mistakes, [], 'mistakes in the page')
    await phone.close()
  })

  const open = async (path) => {
    phone = await openPhone(chromium.browser, pages.origin + path)
    await until(() => stack.auth.count(LOGIN, 200) === 1, () => `logins: ${JSON.stringify(stack.auth.calls())}`)
  }
  const counted = () => ({ left: stack.auth.count(AUTHORIZE), logins: stack.auth.count(LOGIN) })
  const address = () => phone.page.url().slice(pages.origin.length)

  test('first visit: away for a code and back, logged in, with nothing left in the address', async () => {
    await open('/')
    await shows(phone, 'state', '已登录')
    assert.deepEqual(counted(), { left: 1, logins: 1 })
    assert.match(address(), /^\/(#\/)?$/)
    assert.doesNotMatch(stack.auth.login(), /dev:/)
  })

  test('a reload asks for nothing more', async () => {
    await open('/')
    await shows(phone, 'state', '已登录')
    await phone.restart()
    await shows(phone, 'state', '已登录')
    assert.deepEqual(counted(), { left: 1, logins: 1 })
  })

  test('a link to an order leads there, by way of the authorize page', async () => {
    await open('/?from=share#/pages/order/index?id=3')
    await shows(phone, 'order', '青花瓷盖碗，待发货')
    assert.equal(address(), '/?from=share#/pages/order/index?id=3')
    assert.deepEqual(counted(), { left: 1, logins: 1 })
  })

  test('logged out: nothing is left until a person logs in, who then comes back logged in', async () => {
    await open('/')
    await shows(phone, 'state', '已登录')
    await phone.tap('logout')
    await shows(phone, 'state', '已退出')
    stack.clear()
    await phone.tap('five')
    await shows(phone, 'answers', /AuthError/)
    assert.deepEqual(counted(), { left: 0, logins: 0 })
    await phone.tap('login')
    await until(() => stack.auth.count(LOGIN, 200) === 1, () => 'nobody is logged in')
    await shows(phone, 'state', '已登录')
    assert.deepEqual(counted(), { left: 1, logins: 1 })
  })
})
