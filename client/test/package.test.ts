/** What is shipped: built files, as they are packed and as they are installed. `npm test` builds them first. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { parse, tokenizer } from 'acorn'
import { rollup } from 'rollup'
import { minify } from 'terser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const PARTS = ['account', 'alipay', 'baidu', 'devtools', 'douyin', 'guard', 'lasting', 'socket', 'stream', 'wecom']
const FILES = ['dist/index.mjs', 'dist/index.cjs', 'miniprogram_dist/index.js', ...PARTS.flatMap((name) => [`dist/${name}.mjs`, `dist/${name}.cjs`, `miniprogram_dist/${name}.js`]), ...['react', 'vue', 'weixin'].flatMap((name) => [`dist/${name}.mjs`, `dist/${name}.cjs`])]
/** What mini programs lack. */
const ABSENT = ['AbortController', 'AbortSignal', 'URL', 'URLSearchParams', 'Headers', 'Request', 'Response', 'fetch', 'FormData', 'Blob', 'XMLHttpRequest', 'window', 'document', 'navigator', 'localStorage', 'globalThis', 'process', 'require', 'eval', 'Function']

/** Names that stand in the code as names, not as properties. */
function names(code: string): Set<string> {
  const found = new Set<string>()
  let before = ''
  for (const token of tokenizer(code, { ecmaVersion: 2015, sourceType: 'module' })) {
    if (token.type.label === 'name' && before !== '.') found.add((token as unknown as { value: string }).value)
    before = token.type.label
  }
  return found
}

/** What the compiler has to say. */
function compiled(project: string, config: string): string {
  return spawnSync('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], { cwd: project, encoding: 'utf8' }).stdout
}

let work: string
let tarball: string
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'wugan-package-'))
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', work], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as [{ filename: string }]
  tarball = join(work, packed.filename)
}, 60000)
afterAll(() => { rmSync(work, { recursive: true }) })

describe('the built files', () => {
  it.each(FILES)('%s is ES2015: no async, no await, nothing newer', (file) => {
    const code = read(file)
    expect(() => parse(code, { ecmaVersion: 2015, sourceType: file.endsWith('.mjs') ? 'module' : 'script' })).not.toThrow()
    for (const word of ['async', 'await', '__awaiter', '__async']) expect(names(code)).not.toContain(word)
  })

  it('the mini program file names nothing that mini programs lack', () => {
    const used = names(read('miniprogram_dist/index.js'))
    expect(ABSENT.filter((name) => used.has(name))).toEqual([])
    // The check sees what it should see: the browser build does use them.
    expect(ABSENT.filter((name) => names(read('dist/index.cjs')).has(name))).toContain('XMLHttpRequest')
  })

  it('the mini program file runs where there is nothing but timers', async () => {
    const module = { exports: {} as { createClient: (options: object) => { get: (url: string) => Promise<{ data: unknown }> } } }
    runInContext(read('miniprogram_dist/index.js'), createContext({ module, exports: module.exports, setTimeout, clearTimeout }))
    const host = {
      getStorageSync: () => '',
      setStorageSync: () => undefined,
      removeStorageSync: () => undefined,
      login: ({ success }: { success: (result: object) => void }) => { success({ code: 'c' }) },
      request: ({ url, header, success }: { url: string; header: { Authorization?: string }; success: (result: object) => void }) => {
        success({ statusCode: 200, data: url.endsWith('/login') ? { accessToken: 'a', refreshToken: 'r', expiresIn: 60 } : header.Authorization })
      },
    }
    expect((await module.exports.createClient({ host, baseURL: 'https://x' }).get('/y')).data).toBe('Bearer a')
  })

  it('5 KB, gzipped, for wx alone', () => {
    expect(gzipSync(read('miniprogram_dist/index.js'), { level: 9 }).length).toBeLessThanOrEqual(5120)
  })

  it.each(PARTS)('the part %s is a file of its own, of 2 KB at most, and has nothing of the main one in itself', (name) => {
    const code = read(`miniprogram_dist/${name}.js`)
    expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(2048)
    expect(code).not.toMatch(/\/api\/v1\/auth\/login|host\.request is no function/)
    const used = names(code)
    // The browser's socket is there for pages; nothing else of theirs.
    expect(ABSENT.filter((absent) => absent !== 'require' && used.has(absent))).toEqual([])
    const load = (file: string): unknown => {
      const module = { exports: {} }
      ;(runInContext(`(function (module, exports, require) {${read('miniprogram_dist/' + file + '.js')}\n})`, createContext({ setTimeout, clearTimeout })) as (...args: unknown[]) => void)(module, module.exports, (id: string) => load(id.replace('./', '')))
      return module.exports
    }
    expect(Object.keys(load(name) as object).length).toBeGreaterThan(0)
  })

  it('a bundler drops the browser host where it is not used', async () => {
    const entry = join(work, 'entry.mjs')
    writeFileSync(entry, `export { createClient } from ${JSON.stringify(join(root, 'dist/index.mjs'))}`)
    const { output } = await (await rollup({ input: entry })).generate({ format: 'es' })
    const { code } = await minify(output[0].code, { module: true })
    expect(ABSENT.filter((name) => names(code ?? '').has(name))).toEqual([])
    // A bundler keeps the names of properties, and what tabs need.
    expect(gzipSync(code ?? '', { level: 9 }).length).toBeLessThanOrEqual(5632)
  })
})

describe('the types', () => {
  it('compile in a strict mini program project without the DOM library, the libraries checked as well', { timeout: 60000 }, () => {
    const project = join(work, 'strict')
    mkdirSync(join(project, 'node_modules/@wugan'), { recursive: true })
    symlinkSync(root, join(project, 'node_modules/@wugan/client'))
    writeFileSync(join(project, 'app.ts'), "import { createClient } from '@wugan/client'\nexport const client = createClient({ host: wx, baseURL: 'https://api.example.com' })\n")
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: false, target: 'es2020', lib: ['es2020'], module: 'commonjs', typeRoots: [join(root, 'node_modules')], types: ['miniprogram-api-typings'] }
    // As an npm module, and as "build npm" copies it.
    for (const [name, paths] of [['npm', {}], ['copied', { '@wugan/client': [join(root, 'miniprogram_dist/index')] }]] as const) {
      writeFileSync(join(project, name + '.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, paths }, files: ['app.ts'] }))
      expect(compiled(project, name + '.json')).toBe('')
    }
  })
})

describe('the package', () => {
  it('holds the built files, the licence and a page to read in two languages, and nothing else', () => {
    const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n').sort()
    const frameworks = ['react', 'vue', 'weixin']
    expect(listed).toEqual([
      'LICENSE', 'README.md', 'README.zh-CN.md', 'package.json',
      ...['index', ...PARTS, ...frameworks].flatMap((name) => ['cjs', 'd.cts', 'd.mts', 'mjs'].map((kind) => `dist/${name}.${kind}`)),
      ...['index', ...PARTS].flatMap((name) => ['d.ts', 'js'].map((kind) => `miniprogram_dist/${name}.${kind}`)),
      ...[...PARTS, ...frameworks].map((name) => name + '/package.json'),
    ].map((file) => 'package/' + file).sort())
  })

  it('has no dependencies', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, unknown>
    for (const field of ['dependencies', 'optionalDependencies']) expect(manifest).not.toHaveProperty(field)
    // The frameworks of two parts, which are optional.
    const optional = { react: { optional: true }, vue: { optional: true } }
    expect(manifest.peerDependenciesMeta).toEqual(optional)
    expect(Object.keys(manifest.peerDependencies as object).sort()).toEqual(Object.keys(optional))
    expect(manifest.miniprogram).toBe('miniprogram_dist')
  })

  it('installs into an empty project, and works by import, by require and in TypeScript', { timeout: 120000 }, () => {
    const project = join(work, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{"name":"empty","version":"1.0.0","private":true}')
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: project, stdio: 'ignore' })
    const check = "if (typeof createClient !== 'function' || typeof fetchHost !== 'function' || new AuthError('c', 'm').name !== 'AuthError') process.exit(1)"
    writeFileSync(join(project, 'a.mjs'), `import { AuthError, createClient, fetchHost } from '@wugan/client'\n${check}`)
    writeFileSync(join(project, 'a.cjs'), `const { AuthError, createClient, fetchHost } = require('@wugan/client')\n${check}`)
    writeFileSync(join(project, 'parts.mjs'), `import { withAccount } from '@wugan/client/account'\nimport { stream } from '@wugan/client/stream'\nif (typeof withAccount !== 'function' || typeof stream !== 'function') process.exit(1)`)
    execFileSync('node', ['parts.mjs'], { cwd: project })
    execFileSync('node', ['a.mjs'], { cwd: project })
    execFileSync('node', ['a.cjs'], { cwd: project })

    writeFileSync(join(project, 'use.mts'), [
      "import { AuthError, createClient, fetchHost, type Client } from '@wugan/client'",
      "const client: Client = createClient({ host: fetchHost(), baseURL: '' })",
      "export const name: Promise<string> = client.get<{ nickname: string }>('/api/v1/users/me').then((r) => (r.ok ? r.data.nickname : ''))",
      'export const retryable = (error: unknown): boolean => error instanceof AuthError && error.retryable',
      '// @ts-expect-error -- strictness reached the consumer',
      'client.get(1)',
    ].join('\n'))
    writeFileSync(join(project, 'use.cts'), "import wugan = require('@wugan/client')\nexport const client: wugan.Client = wugan.createClient({ host: wugan.fetchHost(), baseURL: '' })\n")
    symlinkSync(join(root, 'node_modules/typescript'), join(project, 'node_modules/typescript'))
    for (const module of ['node16', 'nodenext']) {
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: { noEmit: true, strict: true, lib: ['es2022', 'dom'], types: [], module }, files: ['use.mts', 'use.cts'] }))
      execFileSync('node', ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: project })
    }

    // What WeChat's "build npm" does: copy the folder that `miniprogram` names.
    const installed = join(project, 'node_modules/@wugan/client')
    const { miniprogram } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { miniprogram: string }
    cpSync(join(installed, miniprogram), join(project, 'miniprogram_npm/@wugan/client'), { recursive: true })
    expect(existsSync(join(project, 'miniprogram_npm/@wugan/client/index.js'))).toBe(true)
    execFileSync('node', ['-e', "if (typeof require('./miniprogram_npm/@wugan/client').createClient !== 'function') process.exit(1)"], { cwd: project })
  })
})
