/** The real service and the shop of examples/shop, on free ports, each behind a recorder. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRecorder } from './recorder.mjs'

/** How long an access token lives here. Long enough for what a test does between two waits on a busy machine. */
export const TTL = 5000
const GATEWAY_KEY = 'gateway-key-of-the-runtime-tests-0123'

export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds) })

/** Waits until `look` gives something true; after `most` milliseconds it throws with what `tell` gives. */
export async function until(look, tell, most = 20000) {
  // performance, since tests set Date back.
  const end = performance.now() + most
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (performance.now() > end) throw new Error(`waited ${most} ms in vain: ${await tell()}`)
    await pause(20)
  }
}

export function wanted(variable, what) {
  const value = process.env[variable]
  if (!value) throw new Error(`${variable} must name ${what}; e2e/runtimes.sh sets it`)
  return value
}

const freePort = async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

/** Runs a program until it is stopped; `ready` is an address that answers 2xx when it can be used. */
async function run(name, args, env, ready) {
  const child = spawn(name, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said = (said + text).slice(-8000) })
  const gone = once(child, 'exit')
  let isGone = false
  void gone.then(() => { isGone = true })
  const answers = () => fetch(ready).then((response) => response.ok, () => false)
  await until(async () => isGone || await answers(), () => `${name} does not answer:\n${said}`, 60000)
  if (isGone) throw new Error(`${name} ended:\n${said}`)
  return async () => {
    child.kill('SIGINT')
    await gone
  }
}

/** Starts both. `origin` is that of the page, for CORS. */
export async function startStack(origin = 'http://page.invalid') {
  const wugan = wanted('WUGAN_BIN', 'the built service')
  const shop = wanted('SHOP_BIN', 'the built examples/shop')
  const data = mkdtempSync(join(tmpdir(), 'wugan-runtimes-'))
  const [authPort, shopPort] = [await freePort(), await freePort()]
  const authURL = `http://127.0.0.1:${authPort}`
  const shopURL = `http://127.0.0.1:${shopPort}`

  const startAuth = () => run(
    wugan,
    ['dev', '--addr', `127.0.0.1:${authPort}`, '--data', data, '--access-ttl', `${TTL}ms`, '--refresh-grace', '1s'],
    { WUGAN_ISSUER: authURL, WUGAN_GATEWAY_KEY: GATEWAY_KEY, WUGAN_CORS_ORIGINS: origin },
    authURL + '/readyz',
  )
  let stopAuth = await startAuth()
  const stopShop = await run(
    shop, [],
    { ADDR: `127.0.0.1:${shopPort}`, AUTH_URL: authURL, GATEWAY_KEY, CORS_ORIGINS: origin },
    shopURL + '/healthz',
  )
  const auth = await startRecorder(authURL)
  const business = await startRecorder(shopURL)

  const accepts = (address, token) =>
    fetch(address, { headers: { authorization: 'Bearer ' + token } }).then((response) => response.status === 200)

  return {
    auth,
    shop: business,
    clear() {
      auth.clear()
      business.clear()
    },
    /** The access token seen last, on either way. */
    token: () => auth.token(),
    /** The device logs in again, unseen: its session is replaced, and both of its tokens are refused. */
    async replace() {
      const response = await fetch(authURL + '/api/v1/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: auth.login() })
      if (response.status !== 200) throw new Error('the login was not repeated: ' + response.status)
    },
    /** Waits until both services refuse an access token: the shop hears of ended sessions within a second. */
    refused: (token) => until(
      async () => !(await accepts(authURL + '/api/v1/users/me', token)) && !(await accepts(shopURL + '/orders', token)),
      () => 'the token is accepted still',
      5000,
    ),
    async down() {
      await stopAuth()
      stopAuth = undefined
    },
    async up() {
      stopAuth = await startAuth()
    },
    async close() {
      await Promise.all([auth.close(), business.close(), stopShop(), stopAuth?.()])
      rmSync(data, { recursive: true })
    },
  }
}
