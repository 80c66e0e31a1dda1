/** The core of the suite against the real service, with access tokens of 2 s and a grace of 1 s. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AuthEvent, type Client, type ClientOptions, createClient, fetchHost } from '../../src'
import { withAccount } from '../../src/account'
import { type LiveServer, liveServer } from './server'

const ME = '/api/v1/users/me'
const LOGIN = '/api/v1/auth/login'
const REFRESH = '/api/v1/auth/refresh'
const LOGOUT = '/api/v1/auth/logout'

let server: LiveServer
let users = 0

beforeAll(async () => {
  server = await liveServer()
})
afterAll(() => server.close())
// A user for each test, so that a session list holds this test's sessions.
beforeEach(() => { users++ })

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

interface Page {
  client: Client
  user: { name: string }
  events: AuthEvent[]
  /** Paths asked for since they were last cleared. */
  asked: string[]
  tokens: () => { accessToken: string; refreshToken: string }
  /** What logins send as deviceId. */
  device: () => string
  /** What happens on the network: lose the answer, lose the request, or neither. */
  network: { rule: (path: string) => 'lose-answer' | 'lose-request' | undefined; delay: number }
}

function page(options: Partial<ClientOptions> = {}): Page {
  const values = new Map<string, string>()
  const asked: string[] = []
  const user = { name: `live${String(users)}x${String(Date.now())}` }
  const network: Page['network'] = { rule: () => undefined, delay: 0 }
  const badFetch: typeof fetch = async (input, init) => {
    const path = new URL(input as string).pathname
    asked.push(path)
    const fate = network.rule(path)
    if (fate === 'lose-request') throw new TypeError('network is down')
    const response = await fetch(input, init)
    const whole = new Response(response.status === 204 ? null : await response.text(), { status: response.status, headers: response.headers })
    if (network.delay > 0) await pause(network.delay)
    if (fate === 'lose-answer') throw new TypeError('connection reset')
    return whole
  }
  const storage = { getItem: (k: string) => values.get(k) ?? null, setItem: (k: string, v: string) => void values.set(k, v), removeItem: (k: string) => void values.delete(k) }
  const client = createClient({ host: fetchHost({ fetch: badFetch, storage }), baseURL: server.url, getCode: () => 'dev:' + user.name, ...options })
  const events: AuthEvent[] = []
  client.onAuthStateChange((event) => events.push(event))
  return { client, user, events, asked, network, tokens: () => JSON.parse(values.get('wugan')!) as ReturnType<Page['tokens']>, device: () => values.get('wugan.device')! }
}

const me = async (client: Client) => (await client.get(ME)).data as { id: string }
const five = (client: Client) => Promise.all(Array.from({ length: 5 }, () => client.get<{ id: string }>(ME)))
const count = (asked: string[], path: string) => asked.filter((one) => one === path).length
const post = (path: string, body?: object, token?: string) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: 'Bearer ' + token } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })

/** How many sessions of the user live. */
async function sessions({ user }: Page): Promise<number> {
  const onlooker = page()
  onlooker.user.name = user.name
  const { data } = (await onlooker.client.get('/api/v1/sessions')) as { data: { sessions: unknown[] } }
  await onlooker.client.logout()
  return data.sessions.length - 1
}

describe('against the real service', () => {
  it('cold start: five requests at once, one login, five answers', async () => {
    const { client, asked } = page()
    const all = await five(client)
    for (const one of all) expect(one).toMatchObject({ statusCode: 200, data: { id: client.getSession().user!.id } })
    expect(count(asked, LOGIN)).toBe(1)
  })

  it('an expired token, known by the clock: five requests, one refresh, five answers, no 401', async () => {
    const { client, asked } = page()
    await five(client)
    await pause(2100)
    asked.length = 0
    for (const one of await five(client)) expect(one.statusCode).toBe(200)
    expect(count(asked, REFRESH)).toBe(1)
    expect(count(asked, LOGIN)).toBe(0)
    expect(asked).toHaveLength(6)
  })

  it('an expired token, known by its 401s: five requests, one refresh, five answers', async () => {
    const { client, asked } = page({ now: () => 1e12 })
    await five(client)
    await pause(3100)
    asked.length = 0
    for (const one of await five(client)) expect(one.statusCode).toBe(200)
    expect(count(asked, REFRESH)).toBe(1)
    expect(count(asked, LOGIN)).toBe(0)
    expect(count(asked, ME)).toBe(10)
  })

  it('both tokens refused: one silent login, five answers', async () => {
    const made = page()
    await five(made.client)
    // The device logs in again, unseen: its session is replaced.
    expect((await post(LOGIN, { code: 'dev:' + made.user.name, deviceId: made.device() })).status).toBe(200)
    await pause(1100)
    made.asked.length = 0
    for (const one of await five(made.client)) expect(one.statusCode).toBe(200)
    expect(count(made.asked, LOGIN)).toBe(1)
    expect(count(made.asked, REFRESH)).toBe(1)
  })

  it('signed out from another device: logged out, with the reason, until a login', async () => {
    const made = page()
    await made.client.get(ME)
    const other = page()
    other.user.name = made.user.name
    await withAccount(other.client).logoutAll()
    await pause(1100)
    await expect(made.client.get(ME)).rejects.toMatchObject({ name: 'AuthError', code: 'logged_out', reason: 'signed_out' })
    expect(made.client.getSession()).toEqual({ state: 'loggedOut', reason: 'signed_out' })
    expect(count(made.asked, LOGIN)).toBe(1)
    expect(await made.client.login()).toMatchObject({ state: 'authenticated' })
    expect((await made.client.get(ME)).statusCode).toBe(200)
  })

  it('logins from one device take over its session', async () => {
    const made = page()
    await made.client.login()
    await made.client.login()
    expect(await sessions(made)).toBe(1)
  })

  it('the account: profile, a ticket for another app, and its end', async () => {
    const made = page()
    const account = withAccount(made.client, { getCode: () => 'dev:' + made.user.name })
    const { id } = await account.fetchUser()
    expect(await account.saveProfile({ nickname: '小明' })).toMatchObject({ id, nickname: '小明' })
    expect(made.client.getSession().user).toMatchObject({ id, nickname: '小明' })
    const { ticket } = await account.getTicket()
    const web = page({ getCode: undefined })
    expect(await web.client.login({ ticket })).toMatchObject({ state: 'authenticated', user: { id } })
    await expect(page({ getCode: undefined }).client.login({ ticket })).rejects.toMatchObject({ name: 'AuthError' })
    await account.closeAccount()
    expect(made.client.getSession().state).toBe('loggedOut')
    await pause(1100)
    await expect(web.client.get(ME)).rejects.toMatchObject({ code: 'logged_out', reason: 'account_closed' })
    await made.client.login()
    expect((await account.fetchUser()).id).not.toBe(id)
  })

  it('a token that is optional: the revoked one is left out', async () => {
    const made = page({ getCode: undefined })
    expect((await made.client.get('/healthz', undefined, { auth: 'optional' })).statusCode).toBe(200)
    await made.client.login('dev:' + made.user.name)
    expect((await made.client.get(ME, undefined, { auth: 'optional' })).statusCode).toBe(200)
  })

  it('a lost answer to a refresh is repeated, and the session stays', async () => {
    const made = page()
    await made.client.get(ME)
    let lost = 1
    made.network.rule = (path) => (path === REFRESH && lost-- > 0 ? 'lose-answer' : undefined)
    await made.client.refresh()
    expect(count(made.asked, REFRESH)).toBe(2)
    expect((await made.client.get(ME)).statusCode).toBe(200)
    expect(count(made.asked, LOGIN)).toBe(1)
    expect(await sessions(made)).toBe(1)
  })

  it('all answers lost, and back long after the grace: the session stays', async () => {
    const made = page()
    await made.client.get(ME)
    made.network.rule = (path) => (path === REFRESH ? 'lose-answer' : undefined)
    await expect(made.client.refresh()).rejects.toMatchObject({ name: 'NetworkError', retryable: true })
    await pause(2500)
    made.network.rule = () => undefined
    expect((await made.client.get(ME)).statusCode).toBe(200)
    await made.client.refresh()
    await made.client.refresh()
    expect(count(made.asked, LOGIN)).toBe(1)
    expect(await sessions(made)).toBe(1)
  })

  it('a stolen refresh token: thief and owner do not both go on, and the owner notices nothing', async () => {
    const made = page()
    await made.client.get(ME)
    let stolen = made.tokens().refreshToken
    for (let n = 0; n < 2; n++) {
      const answer = (await (await post(REFRESH, { refreshToken: stolen })).json()) as { refreshToken: string }
      stolen = answer.refreshToken
    }
    await pause(2100)
    expect((await made.client.get(ME)).statusCode).toBe(200)
    expect(count(made.asked, LOGIN)).toBe(2)
    const thief = await post(REFRESH, { refreshToken: stolen })
    expect(thief.status).toBe(401)
    expect(await sessions(made)).toBe(1)
  })

  it('logout: the service refuses both tokens, the client asks for a login', async () => {
    const made = page()
    await made.client.get(ME)
    const { accessToken, refreshToken } = made.tokens()
    await made.client.logout()
    expect((await post(REFRESH, { refreshToken })).status).toBe(401)
    await pause(1100)
    expect((await fetch(server.url + ME, { headers: { authorization: 'Bearer ' + accessToken } })).status).toBe(401)
    await expect(made.client.get(ME)).rejects.toMatchObject({ name: 'AuthError', code: 'logged_out' })
    expect(await made.client.login()).toMatchObject({ state: 'authenticated' })
    expect((await made.client.get(ME)).statusCode).toBe(200)
  })

  it('logout during a refresh, and during a login: nothing lives on', async () => {
    const made = page()
    await made.client.get(ME)
    made.network.delay = 300
    const renewing = made.client.refresh()
    const refused = expect(renewing).rejects.toMatchObject({ code: 'logged_out' })
    await pause(100)
    await made.client.logout()
    await refused
    await pause(800)
    expect(await sessions(made)).toBe(0)

    const fresh = page()
    fresh.network.delay = 300
    const first = expect(fresh.client.get(ME)).rejects.toMatchObject({ code: 'logged_out' })
    await pause(100)
    await fresh.client.logout()
    await first
    await pause(800)
    expect(count(fresh.asked, LOGOUT)).toBe(1)
    expect(await sessions(fresh)).toBe(0)
  })

  it('another user after a re-login', async () => {
    const made = page()
    const first = await me(made.client)
    made.user.name += 'other'
    await made.client.login()
    const second = await me(made.client)
    expect(second.id).not.toBe(first.id)
    expect(made.events.map((event) => event.type)).toEqual(['loggedIn', 'userChanged', 'loggedIn'])
  })

  it('a code that WeChat refuses: one more try, then AuthError', async () => {
    let codes = 0
    const { client, asked } = page({ getCode: () => `nonsense${String(++codes)}` })
    await expect(client.get(ME)).rejects.toMatchObject({ name: 'AuthError', code: 'invalid_code', status: 400 })
    expect(count(asked, LOGIN)).toBe(2)
  })

  it('a 401 that stays one reaches the caller, and the session is kept', async () => {
    const { client, asked } = page({ isAuthError: () => true })
    await expect(client.get(ME)).rejects.toMatchObject({ name: 'AuthError', code: 'unauthorized' })
    expect(count(asked, ME)).toBe(2)
    expect(count(asked, REFRESH)).toBe(1)
    expect(client.getSession().state).toBe('authenticated')
  })

  it('twenty clients for eight seconds, every eighth answer or request lost: nobody is logged out', async () => {
    let seed = 42
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
    const end = Date.now() + 8000
    const runs = Array.from({ length: 20 }, async () => {
      const made = page()
      made.user.name += String(random())
      await made.client.get(ME)
      made.network.rule = () => (random() < 0.06 ? 'lose-answer' : random() < 0.06 ? 'lose-request' : undefined)
      const statuses: (number | string)[] = []
      while (Date.now() < end) {
        const asked = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
          made.client.get(ME).then((response) => response.statusCode, (error: { name: string }) => error.name))
        statuses.push(...(await Promise.all(asked)))
        await pause(random() * 300)
      }
      expect(new Set(statuses.filter((status) => status !== 'NetworkError'))).toEqual(new Set([200]))
      expect(count(made.asked, LOGIN)).toBe(1)
      expect(count(made.asked, REFRESH)).toBeGreaterThan(2)
      made.network.rule = () => undefined
      expect(await sessions(made)).toBe(1)
    })
    await Promise.all(runs)
  })

  it('the network down and back', async () => {
    const { client, asked, network } = page()
    await client.get(ME)
    await pause(2100)
    network.rule = () => 'lose-request'
    await expect(client.get(ME)).rejects.toMatchObject({ name: 'NetworkError', retryable: true })
    network.rule = () => undefined
    expect((await client.get(ME)).statusCode).toBe(200)
    expect(count(asked, LOGIN)).toBe(1)
  })
})

// WUGAN_URL names a process that the test did not start; only our own is stopped.
if (!process.env.WUGAN_URL) {
  describe('when the service itself', () => {
    it('goes down and comes back, the session goes on', async () => {
      const { client, asked } = page()
      await client.get(ME)
      await server.restart!.stop()
      await pause(2100)
      await expect(client.get(ME)).rejects.toMatchObject({ name: 'NetworkError', retryable: true })
      await server.restart!.start()
      expect((await client.get(ME)).statusCode).toBe(200)
      expect(count(asked, LOGIN)).toBe(1)
    })
  })
}
