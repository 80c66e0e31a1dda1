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

// Flat, without a wrapper: esbuild lowers each module to ES2015, rollup puts them into one scope.
const lower = {
  name: 'lower',
  async resolveId(id, importer) {
    return importer && id.startsWith('.') ? join(dirname(importer), id + '.ts') : null
  },
  async transform(code) {
    const lowered = await transform(code, { loader: 'ts', target: 'es2015', tsconfigRaw })
    return { code: lowered.code, map: null }
  },
}

const bundle = async (entry, format) => {
  const input = await rollup({ input: at('src', entry), plugins: [lower] })
  const { output } = await input.generate({ format, generatedCode: { preset: 'es2015', symbols: false } })
  return output[0].code
}

const types = async (entry) => {
  const input = await rollup({ input: at('src', entry), plugins: [dts({ tsconfig: at('tsconfig.json') })] })
  const { output } = await input.generate({ format: 'es' })
  return output[0].code
}

for (const folder of ['dist', 'miniprogram_dist']) {
  rmSync(at(folder), { recursive: true, force: true })
  mkdirSync(at(folder))
}

writeFileSync(at('dist/index.mjs'), await bundle('index.ts', 'esm'))
writeFileSync(at('dist/index.cjs'), await bundle('index.ts', 'cjs'))
const declarations = await types('index.ts')
writeFileSync(at('dist/index.d.mts'), declarations)
writeFileSync(at('dist/index.d.cts'), declarations)

// The mini program's file is minified here, since its size counts towards the 2 MB of a package.
const { code } = await minify(await bundle('index.wx.ts', 'cjs'), {
  ecma: 2015,
  toplevel: true,
  compress: { passes: 3, unsafe_arrows: true },
  format: { comments: false },
})
writeFileSync(at('miniprogram_dist/index.js'), code + '\n')
writeFileSync(at('miniprogram_dist/index.d.ts'), await types('index.wx.ts'))
