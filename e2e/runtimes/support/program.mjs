/** Reads a built mini program, as WeChat's developer tools would, for a page in a browser to run. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative, resolve } from 'node:path'
import compiler from 'glass-easel-template-compiler'
import { PLATFORMS, toWxml } from './platforms.mjs'

const ts = createRequire(resolve('../../client/package.json'))('typescript')

/** As the tools' TypeScript plugin does. */
const script = (path, text) => (path.endsWith('.ts') ? ts.transpile(text, { target: 'ES2018', module: 'CommonJS' }) : text)

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !join(entry.parentPath ?? entry.path).includes('node_modules'))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
}

/** rpx are 750 to the width of the screen. */
const style = (text) => text.replaceAll(/(-?[\d.]+)rpx/g, (_, n) => `${n / 7.5}vw`)

/**
 * @param folder   where app.json is
 * @param packages { name: folder }: what "Build npm" in the tools puts under miniprogram_npm
 * @param platform a name in PLATFORMS
 */
export function readProgram(folder, packages = {}, platform = 'wx') {
  const { template, style: styleFile } = PLATFORMS[platform]
  const read = (path) => readFileSync(join(folder, path), 'utf8')
  const files = filesBelow(folder)
  const modules = Object.fromEntries(files.filter((path) => /(?<!\.d)\.[jt]s$/.test(path)).map((path) => [path.slice(0, -3), script(path, read(path))]))
  for (const [name, from] of Object.entries(packages)) {
    for (const file of readdirSync(from).filter((one) => one.endsWith('.js'))) modules[`miniprogram_npm/${name}/${file.slice(0, -3)}`] = readFileSync(join(from, file), 'utf8')
  }

  const { pages } = JSON.parse(read('app.json'))
  const templates = Object.fromEntries(pages.map((path) => {
    const group = new compiler.TmplGroup()
    group.addTmpl(path, toWxml(read(path + template)))
    const source = group.getTmplGenObjectGroups()
    group.free()
    return [path, source]
  }))
  const styles = files.filter((path) => path.endsWith(styleFile)).map((path) => style(read(path))).join('\n')
  return { modules, templates, styles, pages, platform }
}
