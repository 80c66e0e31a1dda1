/**
 * What every example promises in every runtime. A runtime is given as a function that opens a device; an example by
 * what its page is called to do and how it answers. All counting is done on the wire.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { pause, startStack, TTL, until } from './stack.mjs'
import { shows } from './web.mjs'

const LOGIN = '/api/v1/auth/login'
const REFRESH = '/api/v1/auth/refresh'
const LOGOUT = '/api/v1/auth/logout'
const ME = '/api/v1/users/me'

/** Until an access token has ended: it lives whole seconds. */
const END = TTL + 1100

/** An example whose five requests go to the shop and whose page has the buttons of the uni-app. */
export const SHOP = {
  where: (stack) => stack.shop,
  path: /^\/orders\/\d$/,
  answered: (device) => shows(device, 'answers', '1:200 2:200 3:200 4:200 5:200'),
  failed: (device, error) => shows(device, 'answers', [1, 2, 3, 4, 5].map((n) => `${n}:${error}`).join(' ')),
  loaded: (stack) => stack.auth.count(ME, 200) >= 1 && stack.shop.count('/orders', 200) >= 1,
  loggedIn: (device) => shows(device, 'state', '已登录'),
  loggedOut: (device) => shows(device, 'state', '已退出'),
}

/**
 * @param title   what is run, and where
 * @param start   (stack settings) => { origin?, prepare(stack), open(name) => device, close() }
 * @param example as SHOP
 * @param has     which buttons there are beyond the common ones: expire, steal, upload, stream, socket; guard;
 *                closeCodes: false where the runtime tells none
 */
export function promises(title, start, example, has = {}) {
  describe(title, () => {
    let stack
    let runtime
    let device
    let users = 0

    before(async () => {
      runtime = await start()
      stack = await startStack(runtime.origin)
      await runtime.prepare?.(stack)
    })
    after(async () => {
      await runtime?.close()
      await stack?.close()
    })

    // The page is logged in and has what it asks for then: a request of it that met a token's end later would renew
    // the tokens before the test does.
    const shown = async () => {
      await example.loggedIn(device)
      await until(() => example.loaded(stack), () => 'the page asked for nothing')
    }

    // A new user on a new device for each test.
    beforeEach(async () => {
      stack.clear()
      device = await runtime.open(`user${++users}`)
      await shown()
    })
    afterEach(async () => {
      const mistakes = device?.mistakes ?? []
      await device?.close()
      assert.deepEqual(mistakes, [], 'mistakes in the page')
    })

    const five = async () => {
      stack.clear()
      await device.tap('five')
      await example.answered(device, stack)
    }
    const asked = (status) => example.where(stack).count(example.path, status)
    const authCalls = () => ({ logins: stack.auth.count(LOGIN), refreshes: stack.auth.count(REFRESH) })

    test('cold start: the page asks at once, one login, all answered', async () => {
      assert.deepEqual(authCalls(), { logins: 1, refreshes: 0 })
      const answered = () => [...stack.auth.calls(), ...stack.shop.calls()]
      await until(() => answered().every(({ status }) => status), () => 'a request is unanswered')
      assert.deepEqual(answered().filter(({ status }) => status !== 200), [])
      await device.picture?.(title.replaceAll(/\W+/g, '-') + '-start')
    })

    test('restart: the session is there still, nobody logs in', async () => {
      stack.clear()
      await device.restart()
      await shown()
      assert.equal(authCalls().logins, 0)
    })

    test('five requests with a good token: five answers, nothing else', async () => {
      await five()
      assert.equal(asked(200), 5)
      assert.deepEqual(authCalls(), { logins: 0, refreshes: 0 })
    })

    test('five requests at once with an expired token, known by the clock: one refresh, five answers, no 401', async () => {
      await pause(END)
      await five()
      assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
      assert.equal(asked(200), 5)
      assert.equal(asked(), 5)
    })

    test('five requests at once with an expired token, on a device whose clock is wrong: one refresh, five answers', async () => {
      await device.setClockBack()
      await pause(END)
      await five()
      assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
      assert.equal(asked(401), 5)
      assert.equal(asked(200), 5)
    })

    test('both tokens refused: one silent login, five answers', async () => {
      const token = stack.token()
      await stack.replace()
      await stack.refused(token)
      await five()
      assert.deepEqual(authCalls(), { logins: 1, refreshes: 1 })
      assert.equal(stack.auth.count(REFRESH, 401), 1)
      assert.equal(asked(401), 5)
      assert.equal(asked(200), 5)
    })

    test('logged out everywhere by the user: this device is out as well, until a user logs in', async () => {
      const token = stack.token()
      stack.clear()
      await device.tap('everywhere')
      await until(() => stack.auth.count('/api/v1/auth/logout-all', 204), () => 'nothing was ended')
      await stack.refused(token)
      stack.clear()
      await device.tap('five')
      await example.failed(device, 'AuthError')
      await example.loggedOut(device)
      assert.equal(authCalls().logins, 0)
      await device.tap('login')
      await example.loggedIn(device)
    })

    test('logout: ended here and on the service, nothing is sent, until a user logs in', async () => {
      const token = stack.token()
      stack.clear()
      await device.tap('logout')
      await example.loggedOut(device)
      await until(() => stack.auth.count(LOGOUT, 204), () => 'the service was not told')
      await stack.refused(token)
      stack.clear()
      await device.tap('five')
      await example.failed(device, 'AuthError')
      assert.deepEqual([...stack.auth.calls(), ...stack.shop.calls()], [])

      await device.tap('login')
      await shown()
      await five()
      assert.equal(asked(200), 5)
    })

    test('the service down and back: five failures that say so, then five answers, and nobody logs in again', async () => {
      await pause(END)
      await stack.down()
      stack.clear()
      await device.tap('five')
      await example.failed(device, 'NetworkError')
      assert.equal(authCalls().logins, 0)
      assert.equal(stack.auth.calls().filter(({ status }) => status).length, 0)
      await stack.up()
      await five()
      assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
      assert.equal(asked(200), 5)
    })

    if (has.expire) {
      test('the button that expires the token: five refusals, one refresh, five answers', async () => {
        await device.tap('expire')
        await five()
        assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
        assert.equal(asked(401), 5)
        assert.equal(asked(200), 5)
        await device.picture?.(title.replaceAll(/\W+/g, '-') + '-after')
      })
    }

    if (has.steal) {
      test('a stolen refresh token: the owner notices nothing, the thief is out', async () => {
        stack.clear()
        await device.tap('steal')
        await until(() => stack.auth.count(REFRESH, 200) === 2, () => 'the thief did not get in')
        await five()
        assert.deepEqual(authCalls(), { logins: 1, refreshes: 1 })
        assert.equal(stack.auth.count(REFRESH, 401), 1)
        assert.equal(asked(200), 5)
        await device.tap('thief')
        await shows(device, 'loot', 'session_revoked')
        await five()
        assert.deepEqual(authCalls(), { logins: 0, refreshes: 0 })
      })
    }

    if (has.stream) {
      test('an answer in pieces, asked for with an expired token: one refresh, and each piece in its order', async () => {
        await device.setClockBack()
        await pause(END)
        stack.clear()
        await device.tap('ask')
        await shows(device, 'advice', '泡茶：龙井用八十度的水，泡两分钟，第二泡最好🍵')
        assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
        assert.equal(stack.shop.count('/advice', 401), 1)
        assert.equal(stack.shop.count('/advice', 200), 1)
      })
    }

    if (has.socket) {
      const connected = () => shows(device, 'live', '已连接')
      const told = () => shows(device, 'notice', /：|welcome/)

      test('a socket: one connection through two renewals, a new one after a loss, none after a logout', async () => {
        stack.clear()
        await device.tap('listen')
        await connected()
        await told()
        // The token in the first message ends, and the next one has come before that.
        await until(() => authCalls().refreshes >= 2, () => `refreshes: ${authCalls().refreshes}`)
        await pause(TTL / 2)
        await connected()
        assert.equal(stack.shop.count('/live', 101), 1)
        assert.equal(stack.shop.open(), 1)

        stack.shop.cut()
        await until(() => stack.shop.count('/live', 101) === 2, () => 'it does not come back')
        await connected()
        assert.equal(authCalls().logins, 0)

        await device.tap('logout')
        await shows(device, 'live', '请先登录')
        await until(() => stack.shop.open() === 0, () => 'the connection is open still')
        await device.tap('login')
        await connected()
        await device.tap('listen')
        await until(() => stack.shop.open() === 0, () => 'the connection is open still')
      })

      if (has.closeCodes !== false) {
        test('a socket whose session is replaced: closed with 4401, one silent login, and it is back', async () => {
          await device.tap('listen')
          await connected()
          await told()
          stack.clear()
          await stack.replace()
          await until(() => stack.shop.count('/live', 101) === 1, () => 'it does not come back')
          await connected()
          assert.equal(authCalls().logins, 1)
          await device.tap('listen')
        })
      }
    }

    if (has.guard) {
      test('a page for somebody: open to whoever is logged in, else by way of the login page', async () => {
        await device.tap('order-3')
        await shows(device, 'order', '青花瓷盖碗，待发货')
        await device.back()
        await device.tap('logout')
        await example.loggedOut(device)
        await device.tap('latest')
        await until(() => device.has('enter'), () => 'the login page does not come')
        stack.clear()
        await device.tap('enter')
        await shows(device, 'order', '青花瓷盖碗，待发货')
        assert.deepEqual(authCalls(), { logins: 1, refreshes: 0 })
      })
    }

    if (has.upload) {
      test('an upload with an expired token: one refresh, and the file travels once', async () => {
        await pause(END)
        stack.clear()
        const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
        await device.choose('upload', { name: 'receipt.png', mimeType: 'image/png', buffer: picture })
        await shows(device, 'receipt', `已上传 ${picture.length} 字节`)
        assert.deepEqual(authCalls(), { logins: 0, refreshes: 1 })
        assert.equal(stack.shop.count('/receipts'), 1)
      })
    }
  })
}
