/** examples/miniprogram as it stands, with a small `wx` over fetch, against the real service. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LiveServer, liveServer } from './server'

interface Page {
  data: { session: { state: string }; user: { id?: string }; devices: number | string; log: string[] }
  setData: (data: object) => void
  onLoad: () => Promise<void>
  five: () => Promise<void>
  everywhere: () => Promise<void>
  login: () => Promise<void>
  logout: () => Promise<void>
  onUnload: () => void
}
interface Sent {
  url: string
  method?: string
  data?: object
  header: Record<string, string>
  success: (result: object) => void
  fail: (error: object) => void
}

const example = join(import.meta.dirname, '../../../examples/miniprogram')
let server: LiveServer

beforeAll(async () => { server = await liveServer() })
afterAll(() => server.close())

/** The framework, as far as one page needs it: modules, `wx`, `App` and `Page`. */
function open(): { page: Page; asked: string[]; toasts: string[] } {
  const storage = new Map<string, string>()
  const asked: string[] = []
  const toasts: string[] = []
  const wx = {
    request({ url, method = 'GET', data, header, success, fail }: Sent) {
      asked.push(url.replace(server.url, ''))
      fetch(url, { method, headers: header, ...(data ? { body: JSON.stringify(data) } : {}) })
        .then(async (response) => {
          const text = await response.text()
          success({ statusCode: response.status, header: Object.fromEntries(response.headers), data: text ? (JSON.parse(text) as unknown) : '' })
        })
        .catch((error: unknown) => { fail({ errMsg: String(error) }) })
      return { abort: () => undefined }
    },
    getStorageSync: (key: string) => storage.get(key) ?? '',
    setStorageSync: (key: string, value: string) => void storage.set(key, value),
    removeStorageSync: (key: string) => void storage.delete(key),
    showToast: ({ title }: { title: string }) => void toasts.push(title),
  }
  let page: Page | undefined
  const context = createContext({
    wx, setTimeout, clearTimeout,
    App: () => undefined,
    Page(definition: Page) {
      page = Object.assign(Object.create(definition) as Page, { data: { ...definition.data } })
      page.setData = (data) => { Object.assign(page!.data, data) }
    },
  })
  const loaded = new Map<string, unknown>()
  const load = (file: string): unknown => {
    if (!loaded.has(file)) {
      const module = { exports: {} as unknown }
      const wrapped = runInContext(`(function (module, exports, require) {${readFileSync(file, 'utf8')}\n})`, context) as (...args: unknown[]) => void
      wrapped(module, module.exports, (id: string) =>
        load(id.startsWith('@wugan/client') ? join(import.meta.dirname, '../../miniprogram_dist', (id.slice('@wugan/client/'.length) || 'index') + '.js') : join(dirname(file), id + '.js')))
      const isConfig = file.endsWith('config.js')
      loaded.set(file, isConfig ? { ...(module.exports as object), baseURL: server.url, devUser: `mini${String(Date.now())}` } : module.exports)
    }
    return loaded.get(file)
  }
  load(join(example, 'app.js'))
  load(join(example, 'pages/index/index.js'))
  return { page: page!, asked, toasts }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const count = (asked: string[], what: string) => asked.filter((path) => path.endsWith(what)).length

it('the example logs in silently, renews once for five, stays out after a logout everywhere, logs out and in', async () => {
  const { page, asked, toasts } = open()
  await page.onLoad()
  expect(page.data).toMatchObject({ session: { state: 'authenticated' }, user: { id: expect.any(String) as string }, devices: 1 })
  expect(count(asked, '/login')).toBe(1)

  await pause(2100)
  await page.five()
  expect(page.data.log[0]).toBe('200 200 200 200 200')
  expect(count(asked, '/refresh')).toBe(1)

  await page.everywhere()
  await pause(1100)
  await page.five()
  expect(toasts).toEqual(['请先登录'])
  expect(page.data.session).toEqual({ state: 'loggedOut', reason: 'signed_out' })
  expect(count(asked, '/login')).toBe(1)
  await page.login()
  await page.five()
  expect(page.data.log[0]).toBe('200 200 200 200 200')

  await page.logout()
  await page.five()
  expect(toasts).toEqual(['请先登录', '请先登录'])
  expect(page.data.session.state).toBe('loggedOut')
  await page.login()
  expect(page.data.session.state).toBe('authenticated')
  page.onUnload()
})
