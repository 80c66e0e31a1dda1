/** The pages of examples/miniprogram that need an account, as they stand, with the storage of avatars behind the gateway inside the real service. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LiveServer, liveServer } from './server'

interface Page {
  data: { avatarUrl?: string; nickname?: string; phone?: string; src?: string }
  setData: (data: object) => void
  onLoad: () => Promise<void>
  chooseAvatar: (event: { detail: { avatarUrl: string } }) => Promise<void>
  saveNickname: (event: { detail: { value: string } }) => Promise<void> | undefined
  bindPhone: (event: { detail: { code?: string } }) => Promise<void> | undefined
  loginWithPhone: (event: { detail: { code?: string } }) => Promise<void>
}
interface Sent {
  url: string
  method?: string
  data?: object
  filePath?: string
  name?: string
  header: Record<string, string>
  success: (result: object) => void
  fail: (error: object) => void
}

const example = join(import.meta.dirname, '../../../examples/miniprogram')
const PICTURE = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

let server: LiveServer
let storage: ChildProcess

beforeAll(async () => {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => { resolve(port) })
    })
  })
  const ADDR = `127.0.0.1:${String(port)}`
  server = await liveServer({ WUGAN_UPSTREAMS: `/storage/=http://${ADDR}`, WUGAN_PUBLIC_PATHS: '/storage/files/' })
  storage = spawn('node', [join(example, 'storage.mjs')], { env: { ...process.env, ADDR, PUBLIC_URL: server.url }, stdio: 'inherit' })
  for (let tries = 0; tries < 200; tries++) {
    if (await fetch(`http://${ADDR}/storage/files/none`).then(() => true, () => false)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the storage did not start')
})
afterAll(async () => {
  storage.kill()
  await server.close()
})

/** A page on a phone whose files are these. */
function open(user: string, files: Record<string, Buffer> = {}, name = 'profile'): { page: Page; toasts: string[]; exportsOf: (text: string) => unknown } {
  const kept = new Map<string, string>()
  const toasts: string[] = []
  const send = ({ url, method = 'GET', header, success, fail }: Sent, body: BodyInit | undefined, parse: (text: string) => unknown) => {
    fetch(url, { method, headers: header, ...(body ? { body } : {}) })
      .then(async (response) => {
        success({ statusCode: response.status, header: Object.fromEntries(response.headers), data: parse(await response.text()) })
      })
      .catch((error: unknown) => { fail({ errMsg: String(error) }) })
    return { abort: () => undefined }
  }
  const wx = {
    // WeChat's own default type of a body.
    request: (sent: Sent) => send({ ...sent, header: { 'content-type': 'application/json', ...sent.header } }, sent.data && JSON.stringify(sent.data), (text) => (text ? (JSON.parse(text) as unknown) : '')),
    uploadFile(sent: Sent) {
      const form = new FormData()
      form.append(sent.name!, new Blob([new Uint8Array(files[sent.filePath!]!)]), 'avatar.png')
      return send({ ...sent, method: 'POST' }, form, (text) => text)
    },
    getStorageSync: (key: string) => kept.get(key) ?? '',
    setStorageSync: (key: string, value: string) => void kept.set(key, value),
    removeStorageSync: (key: string) => void kept.delete(key),
    login: ({ success }: { success: (result: object) => void }) => { success({ code: `dev:${user}` }) },
    showToast: ({ title }: { title: string }) => void toasts.push(title),
  }
  let page: Page | undefined
  const context = createContext({
    wx, setTimeout, clearTimeout,
    Page(definition: Page) {
      page = Object.assign(Object.create(definition) as Page, { data: { ...definition.data } })
      page.setData = (data) => { Object.assign(page!.data, data) }
    },
  })
  const loaded = new Map<string, unknown>()
  const load = (file: string, text = readFileSync(file, 'utf8')): unknown => {
    if (loaded.has(file)) return loaded.get(file)
    const script = file.endsWith('.ts') ? ts.transpile(text, { target: ts.ScriptTarget.ES2018, module: ts.ModuleKind.CommonJS }) : text
    const module = { exports: {} as unknown }
    const wrapped = runInContext(`(function (module, exports, require) {${script}\n})`, context) as (...args: unknown[]) => void
    wrapped(module, module.exports, (id: string) =>
      load(id.startsWith('@wugan/client')
        ? join(import.meta.dirname, '../../miniprogram_dist', id.slice('@wugan/client/'.length) + (id === '@wugan/client' ? 'index.js' : '.js'))
        : join(dirname(file), id + '.js')))
    const made = file.endsWith('config.js') ? { ...(module.exports as object), baseURL: server.url, devUser: user } : module.exports
    loaded.set(file, made)
    return made
  }
  load(join(example, `pages/${name}/${name}.ts`))
  return { page: page!, toasts, exportsOf: (text) => load(join(example, 'snippet.ts'), text) }
}

it('the profile page keeps an avatar in storage of its own, a checked nickname and a phone number', async () => {
  const user = `profile${String(Date.now())}`
  const { page, toasts } = open(user, { 'http://tmp/avatar.png': PICTURE, 'http://tmp/notes.txt': Buffer.from('no picture') })
  await page.onLoad()
  expect(page.data).toEqual({ avatarUrl: '', nickname: '', phone: '' })

  await page.chooseAvatar({ detail: { avatarUrl: 'http://tmp/avatar.png' } })
  expect(toasts).toEqual([])
  expect(page.data.avatarUrl).toMatch(new RegExp(`^${server.url}/storage/files/`))
  const shown = await fetch(page.data.avatarUrl!) // as anyone sees it, without a token
  expect(shown.headers.get('content-type')).toBe('image/png')
  expect(Buffer.from(await shown.arrayBuffer()).equals(PICTURE)).toBe(true)
  expect((await fetch(`${server.url}/storage/avatars`, { method: 'POST' })).status).toBe(401)

  await page.chooseAvatar({ detail: { avatarUrl: 'http://tmp/notes.txt' } })
  expect(toasts).toHaveLength(1)
  expect(page.data.avatarUrl).toMatch(/png$/)

  await page.saveNickname({ detail: { value: '小明' } })
  await page.saveNickname({ detail: { value: '' } }) // WeChat emptied what did not pass
  expect(page.data.nickname).toBe('小明')

  await page.bindPhone({ detail: {} }) // declined
  expect(page.data.phone).toBe('')
  await page.bindPhone({ detail: { code: `dev:${user}` } })
  expect(page.data.phone).toMatch(/^\d{3}\*{4}\d{4}$/)
})

it('one press logs in and binds the number', async () => {
  const { page, toasts } = open(`onepress${String(Date.now())}`, {})
  await page.loginWithPhone({ detail: { code: `dev:onepress${String(Date.now())}` } })
  expect(toasts).toEqual([])
  expect(page.data.phone).toMatch(/^\d{3}\*{4}\d{4}$/)
})

it.each(['en', 'zh'])('the snippets of docs/%s/profile.md do the same', async (language) => {
  const user = `${language}${String(Date.now())}`
  const { exportsOf } = open(user, { 'wxfile://tmp_1.png': PICTURE })
  const page = readFileSync(join(import.meta.dirname, `../../../docs/${language}/profile.md`), 'utf8')
  const code = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, part = '']) => part).join('')
  const { chooseAvatar, saveNickname, bindPhone, loginWithPhone, user: me } = exportsOf(
    code.replace('https://api.example.com', server.url) + '\nexport const user = () => client.fetchUser()\n',
  ) as Pick<Page, 'chooseAvatar' | 'saveNickname' | 'bindPhone' | 'loginWithPhone'> & { user: () => Promise<Page['data']> }
  await loginWithPhone({ detail: {} })
  await chooseAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })
  await saveNickname({ detail: { value: '小红' } })
  await bindPhone({ detail: { code: `dev:${user}` } })
  const { avatarUrl, nickname, phone } = await me()
  expect(nickname).toBe('小红')
  expect(phone).toMatch(/\*{4}/)
  expect((await fetch(avatarUrl!)).status).toBe(200)
})

it('the page in a web-view gets a ticket in the fragment of its address, which logs the same user in once', async () => {
  const user = `webview${String(Date.now())}`
  const { page, toasts } = open(user, {}, 'web')
  await page.onLoad()
  expect(toasts).toEqual([])
  const { hash, search } = new URL(page.data.src!)
  expect(search).toBe('') // queries are logged
  const ticket = decodeURIComponent(/^#ticket=(.+)$/.exec(hash)![1]!)
  expect(page.data.src).not.toMatch(/eyJ/) // no token
  const login = (code: object) =>
    fetch(`${server.url}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(code) })
  const arrived = (await (await login({ ticket })).json()) as { user: { id: string }; newUser: boolean }
  const own = (await (await login({ code: `dev:${user}` })).json()) as { user: { id: string } }
  expect(arrived.user.id).toBe(own.user.id)
  expect((await login({ ticket })).status).toBe(400)
})
