// Builds what the package ships: ESM and CommonJS with their types in dist/, and miniprogram_dist/ for WeChat's own
// npm build, which takes one CommonJS file as it is.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { minify } from 'terser'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (...path) => join(root, ...path)
const tsconfigRaw = readFileSync(at('tsconfig.json'), 'utf8')

// Flat, without a wrapper: esbuild lowers each module to ES2015, rollup puts them into one scope. A mini program has no
// tabs, so that its file has nothing of theirs.
const lower = (entry) => ({
  name: 'lower',
  async resolveId(id, importer) {
    if (!importer || !id.startsWith('.')) return null
    // A part is a file beside the main one, and has nothing of it in itself.
    if (!entry.startsWith('index') && id.endsWith('/index')) return { id: './index', external: true }
    return join(dirname(importer), entry === 'index.wx.ts' && id === './tabs' ? 'tabs.wx.ts' : id + '.ts')
  },
  async transform(code) {
    const lowered = await transform(code, { loader: 'ts', target: 'es2015', tsconfigRaw })
    return { code: lowered.code, map: null }
  },
})

/** A file, its imports of the main one named with `extension`. */
const bundle = async (entry, format, extension = '') => {
  const input = await rollup({ input: at('src', entry), plugins: [lower(entry)], external: ['vue', 'react'] })
  const { output } = await input.generate({ format, generatedCode: { preset: 'es2015', symbols: false } })
  return output[0].code.replaceAll("'./index'", `'./index${extension}'`)
}

const types = async (entry, extension = '') => {
  const isPart = !entry.startsWith('index')
  const main = {
    name: 'main',
    resolveId: (id) => (isPart && id.endsWith('/index') ? { id: './index', external: true } : null),
  }
  const input = await rollup({ input: at('src', entry), plugins: [main, dts({ tsconfig: at('tsconfig.json') })], external: ['vue', 'react'] })
  const { output } = await input.generate({ format: 'es' })
  return output[0].code.replaceAll("'./index'", `'./index${extension}'`)
}

/** What not everybody needs: files of their own. The frameworks' and the web pages' are for bundlers alone. */
const PARTS = ['account', 'alipay', 'baidu', 'devtools', 'douyin', 'guard', 'lasting', 'socket', 'stream', 'wecom']
const FRAMEWORKS = ['react', 'vue', 'weixin']

for (const folder of ['dist', 'miniprogram_dist']) {
  rmSync(at(folder), { recursive: true, force: true })
  mkdirSync(at(folder))
}

writeFileSync(at('dist/index.mjs'), await bundle('index.ts', 'esm'))
writeFileSync(at('dist/index.cjs'), await bundle('index.ts', 'cjs'))
const declarations = await types('index.ts')
writeFileSync(at('dist/index.d.mts'), declarations)
writeFileSync(at('dist/index.d.cts'), declarations)
for (const part of [...PARTS, ...FRAMEWORKS]) {
  writeFileSync(at(`dist/${part}.mjs`), await bundle(part + '.ts', 'esm', '.mjs'))
  writeFileSync(at(`dist/${part}.cjs`), await bundle(part + '.ts', 'cjs', '.cjs'))
  writeFileSync(at(`dist/${part}.d.mts`), await types(part + '.ts', '.mjs'))
  writeFileSync(at(`dist/${part}.d.cts`), await types(part + '.ts', '.cjs'))
  // For tools that do not read "exports": a folder of this name.
  mkdirSync(at(part), { recursive: true })
  writeFileSync(at(part, 'package.json'), JSON.stringify({ main: `../dist/${part}.cjs`, module: `../dist/${part}.mjs`, types: `../dist/${part}.d.cts` }, null, 2) + '\n')
}

// Names of properties that never leave the client: what modules of the core call one another by. Nothing that is stored,
// sent, or handed to a host or a caller may stand here.
const internal = 'accept|age|answer|drop|emit|end|endOthers|explicit|free|held|isBusy|isPausing|isPending|learn|listen|live|owner|pause|present|promise|queue|ready|reread|run|send|settle|start|stop|store|sync|tell|userId|write'

// The mini program's file is minified here, since its size counts towards the 2 MB of a package. One keyword compresses
// better than two.
const { code } = await minify((await bundle('index.wx.ts', 'cjs')).replace(/\bconst /g, 'let '), {
  ecma: 2015,
  toplevel: true,
  compress: { passes: 3, unsafe_arrows: true, hoist_funs: true },
  mangle: { properties: { builtins: true, regex: new RegExp(`^(${internal})$`) } },
  format: { comments: false },
})
writeFileSync(at('miniprogram_dist/index.js'), code + '\n')
writeFileSync(at('miniprogram_dist/index.d.ts'), await types('index.wx.ts'))
for (const part of PARTS) {
  const { code } = await minify(await bundle(part + '.ts', 'cjs'), { ecma: 2015, toplevel: true, compress: { passes: 3, unsafe_arrows: true }, format: { comments: false } })
  writeFileSync(at(`miniprogram_dist/${part}.js`), code + '\n')
  writeFileSync(at(`miniprogram_dist/${part}.d.ts`), await types(part + '.ts'))
}
