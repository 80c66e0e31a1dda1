/** In the browser: runs /program.json on glass-easel, WeChat's own framework, with wx.mjs and platforms.mjs for the platform's object. */
import { CurrentWindowBackendContext, Event } from 'glass-easel'
import { MiniProgramEnv } from 'glass-easel-miniprogram-adapter'
import { PLATFORMS } from '/platforms.mjs'
import { makeWx } from '/wx.mjs'

const { modules, templates, styles, pages, platform } = await (await fetch('/program.json')).json()
const user = new URLSearchParams(location.search).get('name')

globalThis.global = globalThis // mini programs have it
const { global: name, make, page: own } = PLATFORMS[platform]
globalThis[name] = make(makeWx({
  code: () => 'dev:' + user,
  storage: {
    get: (key) => localStorage.getItem(key) ?? undefined,
    set: (key, value) => localStorage.setItem(key, value),
    delete: (key) => localStorage.removeItem(key),
  },
  // The person chooses a file, as in the real thing.
  pictures: () => new Promise((resolve) => {
    const input = Object.assign(document.createElement('input'), { type: 'file' })
    input.onchange = () => resolve(input.files[0].arrayBuffer().then((bytes) => new Uint8Array(bytes)))
    input.click()
  }),
}))

let app = {}
const shown = []
globalThis.App = (options) => {
  app = options
  app.onLaunch?.({ path: pages[0], query: {}, scene: 1001 })
}
// A framework keeps these from the start, and calls them while a page's script runs.
let defining
globalThis.Page = (definition) => defining.Page(definition)
globalThis.Component = (definition) => defining.Component(definition)
globalThis.Behavior = (definition) => defining.Behavior(definition)
globalThis.getApp = () => app
globalThis.getCurrentPages = () => shown

const loaded = new Map()
/** CommonJS with relative paths, and packages by name. */
function load(name) {
  const path = name in modules ? name : name + '/index'
  if (!loaded.has(path)) {
    if (!(path in modules)) throw new Error('no such module: ' + path)
    const module = { exports: {} }
    loaded.set(path, module)
    const from = '/' + path
    const require = (name) => load(name.startsWith('.')
      ? new URL(name.replace(/\.js$/, ''), 'http://x' + from).pathname.slice(1)
      : 'miniprogram_npm/' + name)
    new Function('require', 'module', 'exports', modules[path] + '\n//# sourceURL=' + from)(require, module, module.exports)
  }
  return loaded.get(path).exports
}

document.head.append(Object.assign(document.createElement('style'), { textContent: styles }))
const env = new MiniProgramEnv()
const space = env.createCodeSpace('', true)
space.getComponentSpace().updateComponentOptions({
  // Tests find elements by their ids; by default these stay inside the framework.
  writeIdToDOM: true,
  // uni-app adds listeners to a page while it runs.
  useMethodCallerListeners: true,
})
for (const path of pages) {
  const groupList = new Function('return ' + templates[path])()
  space.addCompiledTemplate(path, { groupList, content: groupList[path], fallbackListenerOnNativeNode: true })
}
load('app')
for (const path of pages) {
  space.componentEnv(path, (given) => {
    defining = given
    load(path)
  })
}

const host = document.querySelector('page')
const placeholder = host.appendChild(document.createElement('i'))
const backend = new CurrentWindowBackendContext()
backend.onEvent((target, type, detail, options) => {
  const event = new Event(type, detail, options)
  Event.dispatchEvent(target, event)
  return event.getEventBubbleStatus()
})
const root = env.associateBackend(backend).createRoot('main', space, pages[0])
const page = root.get()
page.route = page.__route__ = pages[0]
Object.assign(page, own?.(page))
shown.push(page)
root.attach(host, placeholder)
page.onLoad?.({})
page.onShow?.()
page._$.triggerLifetime('ready', [])
page.onReady?.()
