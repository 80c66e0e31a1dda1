/**
 * A built mini program in Node, on miniprogram-simulate (WeChat's own older framework, exparser) with jsdom. Its
 * modules are loaded anew for each device: nothing but the storage outlives a restart.
 */
import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { JSDOM } from 'jsdom'
import { WebSocket } from 'ws'
import { pause } from './stack.mjs'
import { makeWx } from './wx.mjs'

const require = createRequire(import.meta.url)

// The framework takes the globals of the moment when it is loaded.
const { window } = new JSDOM('<!doctype html><body></body>')
for (const name of ['window', 'document', 'Element', 'HTMLElement', 'Node', 'Text', 'MutationObserver', 'Event', 'CustomEvent', 'TouchEvent']) {
  globalThis[name] = name === 'window' ? window : window[name]
}
const simulate = require('miniprogram-simulate')
const SimulatedComponent = globalThis.Component

/** Copies the program, with the addresses of the stack in it; packages as "Build npm" in WeChat's tools would. */
function place(folder, settle, packages) {
  const to = mkdtempSync(join(tmpdir(), 'wugan-program-'))
  const write = (path, text) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    if (!entry.isFile() || path.includes('node_modules')) continue
    write(path.replace(folder, to), settle(readFileSync(path, 'utf8')))
  }
  // So that Node takes its scripts for CommonJS, and finds packages where it looks for them.
  write(join(to, 'package.json'), '{}')
  for (const [name, from] of Object.entries(packages)) {
    for (const file of readdirSync(from).filter((one) => one.endsWith('.js'))) write(join(to, 'node_modules', name, file), readFileSync(join(from, file)))
  }
  return to
}

/** The page of a program in Node; the rest as in startMini. */
export function startSimulated(folder, settle, packages = {}) {
  let root
  let last = Promise.resolve()

  const open = async (name) => {
    // One device at a time: the program's globals are the process's.
    await last
    let closed
    last = new Promise((resolve) => { closed = resolve })

    const storage = new Map()
    const mistakes = []
    const realNow = Date.now
    let chosen
    let component

    const boot = () => {
      for (const path of Object.keys(require.cache)) if (path.startsWith(root)) delete require.cache[path]
      globalThis.wx = makeWx({ code: () => 'dev:' + name, storage, pictures: () => Promise.resolve(chosen), WebSocket })
      let app = {}
      const shown = []
      globalThis.App = (options) => {
        app = options
        app.onLaunch?.({ path: '', query: {}, scene: 1001 })
      }
      globalThis.getApp = () => app
      globalThis.getCurrentPages = () => shown
      const { pages: [path] } = JSON.parse(readFileSync(join(root, 'app.json'), 'utf8'))
      const created = { created() { this.route = this.__route__ = path; shown.push(this) } }
      const define = (options) => {
        const { lifetimes = {}, ...rest } = options
        SimulatedComponent({
          ...rest,
          lifetimes: { ...lifetimes, created() { created.created.call(this); (lifetimes.created ?? options.created)?.call(this) } },
        })
      }
      globalThis.Component = define
      globalThis.Page = ({ data, ...methods }) => define({ data, methods })
      require(join(root, 'app.js'))
      component = simulate.render(simulate.load(join(root, path), 'main', { rootPath: root }))
      component.attach(document.body.appendChild(document.createElement('div')))
      component.instance.onLoad?.({})
      component.instance.onShow?.()
    }
    const find = (id) => component.querySelector('#' + id)
    const device = {
      mistakes,
      async tap(id) {
        const found = find(id)
        if (!found) throw new Error('no such element: ' + id)
        found.dispatchEvent('tap')
        await pause(0)
      },
      text: async (id) => find(id)?.dom.textContent.trim() ?? '',
      has: async (id) => Boolean(find(id)),
      async choose(id, file) {
        chosen = file.buffer
        await device.tap(id)
      },
      async setClockBack() {
        Date.now = () => realNow() - 3600000
      },
      async restart() {
        component.instance.onUnload?.()
        component.detach()
        boot()
      },
      async close() {
        Date.now = realNow
        component.instance.onUnload?.()
        component.detach()
        closed()
      },
    }
    boot()
    return device
  }

  return {
    origin: undefined,
    prepare(stack) {
      root = place(folder, (text) => settle(text, stack), packages)
    },
    open,
    close: () => rmSync(root, { recursive: true }),
  }
}
