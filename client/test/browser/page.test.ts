/** fetchHost in a real page: uploads, downloads, Web Locks and the storage event are Chromium's own. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Client, createClient, fetchHost } from '../../src'
import { LOGIN, LOGOUT, REFRESH } from '../support/device'
import { Service } from '../support/service'
import { openChromium } from './chromium'

declare global {
  interface Window {
    client: Client
    seen: string[]
    wugan: { createClient: typeof createClient; fetchHost: typeof fetchHost }
    code: (name: string) => Promise<string>
  }
}

let browser: Browser
let context: BrowserContext
let server: Server
let base = ''
let service: Service
let uploads: { type: string; body: string; token: string; cookie?: string }[] = []

const collect = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { createClient, fetchHost } from '/client.mjs'
  window.seen = []
  window.wugan = { createClient, fetchHost }
  window.client = createClient({ host: fetchHost(), baseURL: '', getCode: () => window.code('alice') })
  window.client.onAuthStateChange(({ type }) => window.seen.push(type))
  document.title = 'ready'
</script>`

beforeAll(async () => {
  const bundle = readFileSync(join(import.meta.dirname, '../../dist/index.mjs'))
  server = createServer((request, response) => {
    collect(request).then((body) => {
      const path = request.url!.split('?')[0]!
      const token = (request.headers.authorization ?? '').replace('Bearer ', '')
      if (path === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
      if (path === '/client.mjs') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(bundle)
      if (path === '/upload') uploads.push({ type: String(request.headers['content-type']), body: body.toString(), token, cookie: request.headers.cookie })
      const isJSON = request.headers['content-type'] === 'application/json'
      const answer = service.handle(request.method!, path, request.headers as Record<string, string>, isJSON && body.length > 0 ? (JSON.parse(body.toString()) as unknown) : undefined)
      if (path === '/file' && answer.statusCode === 200) {
        return response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '200000' }).end('x'.repeat(200000))
      }
      return response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(answer.statusCode === 204 ? undefined : JSON.stringify(answer.data))
    }).catch(() => response.destroy()) // The page gave up.
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`
  browser = await openChromium()
})
afterAll(async () => {
  await browser.close()
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  service = new Service()
  uploads = []
  context = await browser.newContext()
  await context.exposeFunction('code', (name: string) => service.newCode(name))
})
afterEach(() => context.close())

async function open(): Promise<Page> {
  const page = await context.newPage()
  await page.goto(base)
  await page.waitForFunction(() => document.title === 'ready')
  return page
}

it('cold start, an expired token, both tokens refused: five answers each time', async () => {
  const page = await open()
  const five = () => page.evaluate(async () => (await Promise.all([1, 2, 3, 4, 5].map(() => window.client.get('/a')))).map((one) => one.statusCode))
  expect(await five()).toEqual([200, 200, 200, 200, 200])
  service.expireAccess()
  expect(await five()).toEqual([200, 200, 200, 200, 200])
  expect(service.to(REFRESH)).toHaveLength(1)
  service.revokeAll()
  expect(await five()).toEqual([200, 200, 200, 200, 200])
  expect(service.to(LOGIN)).toHaveLength(2)
})

it('an upload: parts, a token, progress, and once more after a 401', async () => {
  const page = await open()
  await page.evaluate(() => window.client.get('/a'))
  service.expireAccess()
  const result = await page.evaluate(async () => {
    const progress: number[] = []
    const file = new File(['hello '.repeat(50000)], 'a.txt', { type: 'text/plain' })
    const task = window.client.uploadFile({ url: '/upload', filePath: file, name: 'photo', formData: { note: 'ü' }, header: { 'content-type': 'wrong' } })
    task.onProgressUpdate((event) => progress.push(event.progress))
    const { statusCode, data } = await task
    return { statusCode, data, progress }
  })
  expect(result).toMatchObject({ statusCode: 200, data: '{"user":"alice"}' })
  expect(result.progress.at(-1)).toBe(100)
  expect(uploads).toHaveLength(2)
  expect(uploads[1]!.type).toMatch(/^multipart\/form-data; boundary=/)
  expect(uploads[1]!.body).toContain('name="photo"; filename="a.txt"')
  expect(uploads[1]!.body).toContain('ü')
  expect(uploads[0]!.token).not.toBe(uploads[1]!.token)
})

it('a download: a file that can be read, progress, and none after a refusal', async () => {
  const page = await open()
  const result = await page.evaluate(async () => {
    const progress: number[] = []
    const task = window.client.downloadFile({ url: '/file' })
    task.onProgressUpdate((event) => progress.push(event.progress))
    const { tempFilePath } = await task
    const size = (await (await fetch(tempFilePath!)).text()).length
    const refused = await window.client.downloadFile({ url: '/forbidden' })
    return { size, progress, refused }
  })
  expect(result.size).toBe(200000)
  expect(result.progress.at(-1)).toBe(100)
  expect(result.refused).not.toHaveProperty('tempFilePath')
  expect(result.refused.statusCode).toBe(403)
})

it('abort ends an upload', async () => {
  const page = await open()
  await page.evaluate(() => window.client.get('/a'))
  const name = await page.evaluate(() => {
    const task = window.client.uploadFile({ url: '/upload', filePath: new Blob(['x'.repeat(5000000)]), name: 'f' })
    setTimeout(() => { task.abort() }, 0)
    return task.then(() => 'done', (error: Error) => error.name)
  })
  expect(name).toBe('CancelError')
})

it('two tabs with an expired token: one refresh, by the real Web Locks and the real storage event', async () => {
  const [one, two] = [await open(), await open()]
  await one.evaluate(() => window.client.get('/a'))
  await two.evaluate(() => window.client.get('/a'))
  expect(service.to(LOGIN)).toHaveLength(1)
  service.expireAccess()
  const ask = (page: Page) => page.evaluate(() => window.client.get('/a').then((response) => response.statusCode))
  expect(await Promise.all([ask(one), ask(two), ask(one), ask(two)])).toEqual([200, 200, 200, 200])
  expect(service.to(REFRESH)).toHaveLength(1)
})

it('fetchHost({ credentials }) holds for uploads', async () => {
  const page = await open()
  for (const credentials of ['omit', 'same-origin', 'include'] as const) {
    await page.evaluate(async (how) => {
      document.cookie = 'crumb=1'
      const { createClient, fetchHost } = window.wugan
      const client = createClient({ host: fetchHost({ credentials: how }), baseURL: '', getCode: () => window.code('alice') })
      return (await client.uploadFile({ url: '/upload', filePath: new Blob(['x']), name: 'f', formData: { note: 'ü' } })).statusCode
    }, credentials)
  }
  expect(uploads.map(({ cookie }) => cookie)).toEqual([undefined, 'crumb=1', 'crumb=1'])
  for (const { body, type } of uploads) expect([body.includes('ü'), type.startsWith('multipart/form-data; boundary=')]).toEqual([true, true])
})

it('localStorage.clear() in one tab is a logout in the other, and who signs in there is who this tab goes on with', async () => {
  const [one, two] = [await open(), await open()]
  await one.evaluate(() => window.client.get('/a'))
  await two.evaluate(() => window.client.get('/a'))
  await two.evaluate(() => { localStorage.clear() })
  await one.waitForFunction(() => window.seen.includes('loggedOut'))
  const bob = service.newCode('bob')
  await two.reload()
  await two.waitForFunction(() => document.title === 'ready')
  await two.evaluate((code) => window.client.login(code), bob)
  await one.waitForFunction(() => window.client.getSession().user?.id === 'bob')
  expect((await one.evaluate(() => window.client.refresh().then(() => window.client.getSession()))).user?.id).toBe('bob')
})

it('a logout in one tab is a logout in the other, and a reload does not undo it', async () => {
  const [one, two] = [await open(), await open()]
  await one.evaluate(() => window.client.get('/a'))
  await two.evaluate(() => window.client.get('/a'))
  await one.evaluate(() => window.client.logout())
  await two.waitForFunction(() => window.seen.includes('loggedOut'))
  expect(await two.evaluate(() => window.client.get('/a').then(() => 'done', (error: { code: string }) => error.code))).toBe('logged_out')
  await two.reload()
  await two.waitForFunction(() => document.title === 'ready')
  expect(await two.evaluate(() => window.client.getSession().state)).toBe('loggedOut')
  expect(service.to(LOGOUT)).toHaveLength(1)
})
