/** Every snippet of the client's pages and of the README is compiled, strictly, and run; the recipes have a file of their own. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import { BASE, Device } from './support/device'

const root = join(import.meta.dirname, '..')
const folder = join(import.meta.dirname, 'snippets')
const RECIPES = ['luch-request', 'uni-ajax', 'alova']

interface Snippet { name: string; code: string; isModule: boolean }

const PAGES = ['start', 'uniapp', 'taro', 'h5', 'client', 'client-calls', 'client-parts'].map((name) => `../docs/en/${name}.md`)

/** The snippets of this page are parts of one file; test/live/pages.test.ts runs them. */
const PROFILE = ['en', 'zh'].map((language) => `../docs/${language}/profile.md`)
const parts = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code)

const snippets: Snippet[] = [...PROFILE.map((page) => ({ name: `${page.replace(/\W/g, '-')}.mts`, code: parts(page).join(''), isModule: true })), ...[...PAGES, 'README.md'].flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```(js|ts)\n([\s\S]*?)^```/gm)].map(([, language, code = ''], n) => {
    const isModule = !code.includes('require(')
    return { name: `${page.replace(/\W/g, '-')}-${String(n + 1)}.${isModule ? (language === 'ts' ? 'mts' : 'mjs') : 'cjs'}`, code, isModule }
  }))].filter(({ code }) => !RECIPES.some((name) => code.includes(`'${name}'`) || code.includes('createAlova')))

/** What the pages of an app have beside the snippet. */
const CLIENT = "import { createClient } from '@wugan/client'\nexport const client = createClient({ host: wx, baseURL: 'https://api.example.com' })\n"
const AMBIENT = `
declare function myLoginCode(): string
declare module '@tarojs/taro' { const Taro: import('@wugan/client').Host; export default Taro }
`

/** What the functions that a snippet exports are called with, in their order, and what comes of it. */
const CALLS: Record<string, { with?: () => unknown[]; gives: unknown }> = {
  bind: { with: () => [{ detail: { code: 'p' } }], gives: expect.objectContaining({ id: 'alice' }) },
  login: { with: () => [{ detail: { code: device.service.newCode('alice') } }], gives: expect.objectContaining({ state: 'authenticated' }) },
  steps: { gives: { steps: 7 } },
  page: { gives: expect.stringMatching(/#ticket=ticket:alice:\d+$/) },
  close: { gives: undefined },
  takeOver: { with: () => [{ accessToken: 'at.x', refreshToken: 'rt.x', expiresIn: 100 }], gives: undefined },
  header: { gives: { Authorization: 'Bearer at.x' } },
  ask: { with: () => ['tea?', () => undefined], gives: undefined },
  setup: { gives: expect.objectContaining({ state: expect.anything() as unknown }) },
  before: { with: () => [{ fullPath: '/pages/order/index?id=7' }], gives: true },
}

let device: Device
beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const { name, code } of snippets) writeFileSync(join(folder, name), code.replace("'../../client'", "'./own.cjs'"))
  writeFileSync(join(folder, 'own.cjs'), "const { createClient } = require('@wugan/client')\nmodule.exports = createClient({ host: wx, baseURL: '' })\n")
  writeFileSync(join(folder, 'client.ts'), CLIENT)
  writeFileSync(join(folder, 'profile.ts'), readFileSync(join(root, '../examples/miniprogram/pages/profile/profile.ts')))
  writeFileSync(join(folder, 'web.ts'), readFileSync(join(root, '../examples/miniprogram/pages/web/web.ts')))
  writeFileSync(join(folder, 'ambient.d.ts'), AMBIENT)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: {
      allowJs: true, checkJs: true, noImplicitAny: false, noUnusedLocals: false, noUnusedParameters: false, noImplicitOverride: false, target: 'ES2022', lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      types: ['miniprogram-api-typings', '@dcloudio/types'],
      paths: { '@wugan/client': ['../../src/index.ts'], '@wugan/client/*': ['../../src/*.ts'] },
    },
    include: ['*'],
  }))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  vi.resetModules()
  device = new Device()
  device.latency = () => 1
  const host = {
    ...device.host,
    addInterceptor: () => undefined,
    checkSession: ({ success }: HostCall) => { (success as () => void)() },
    getWeRunData: () => ({ encryptedData: 'x', iv: (JSON.parse(device.storage.values.get('wugan')!) as { refreshToken: string }).refreshToken.split('.')[1] }),
    connectSocket: () => ({ send: () => undefined, close: () => undefined, onOpen: () => undefined, onMessage: () => undefined, onClose: () => undefined, onError: () => undefined }),
    cloud: { callContainer: (options: HostCall & { path: string }) => device.host.request({ ...options, url: options.path }) },
  }
  vi.stubGlobal('wx', host)
  vi.stubGlobal('uni', host)
  vi.stubGlobal('myLoginCode', () => device.service.newCode('alice'))
  vi.stubGlobal('fetch', async (url: string, init: { method: string; headers: Record<string, string>; body?: string }) => {
    const { statusCode, data } = device.service.handle(init.method, url, init.headers, init.body ? JSON.parse(init.body) as unknown : undefined)
    return Promise.resolve(new Response(statusCode === 204 ? null : JSON.stringify(data), { status: statusCode }))
  })
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
vi.mock('@tarojs/taro', () => ({ default: (globalThis as unknown as { uni: object }).uni }))

describe('the snippets', () => {
  const called = new Set<string>()
  afterAll(() => {
    // A name that no snippet has any more is not called.
    expect(Object.keys(CALLS).filter((name) => !called.has(name))).toEqual([])
  })

  it(`compile: ${String(snippets.length)} of them`, { timeout: 120000 }, () => {
    expect(snippets.length).toBeGreaterThan(15)
    const { stdout } = spawnSync('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' })
    expect(stdout).toBe('')
  })

  it.each(snippets.filter(({ isModule }) => isModule).map(({ name, code }) => [name, code]))('%s runs', async (name, code) => {
    const made = (await import(join(folder, name))) as Record<string, unknown> & { client?: { get: (url: string) => Promise<{ statusCode: number }> } }
    // A client that a snippet makes is a client that works. WeChat's authorize page has tests of its own, in Chromium.
    if (code.includes('createClient(') && made.client && !code.includes('weixinPage')) expect((await made.client.get('/a')).statusCode).toBe(200)
    for (const [what, { with: given = () => [], gives }] of Object.entries(CALLS)) {
      const exported = made[what] as ((...given: unknown[]) => unknown) | undefined
      if (exported) expect(await exported(...given()), what).toEqual(gives)
      called.add(exported ? what : '')
    }
  })

  it.each(snippets.filter(({ isModule }) => !isModule).map(({ name, code }) => [name, code]))('%s runs, as a page of a mini program', async (_, code) => {
    const [first = '', second = ''] = code.replace('http://localhost:8080', BASE).split('// any page\n')
    const module = { exports: {} as { get: (url: string) => Promise<unknown> } }
    const core = await import('../src/index')
    const globals = { wx: (globalThis as unknown as { wx: object }).wx, setTimeout, clearTimeout }
    const run = (text: string, more = {}) => runInContext(text, createContext({ ...globals, ...more })) as (...args: unknown[]) => void
    run(`(function (module, require) {${first}\n})`)(module, () => core)
    let page: { onLoad: () => void; setData?: (data: object) => void } | undefined
    run(`(function (require) {${second}\n})`, { Page: (options: typeof page) => { page = options } })(() => module.exports)
    const shown = new Promise((resolve) => { page!.setData = resolve })
    page!.onLoad()
    expect(await shown).toEqual({ user: { id: 'alice', nickname: 'alice' } })
  })
})
