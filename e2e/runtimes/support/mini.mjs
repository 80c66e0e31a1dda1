/** A built mini program in Chromium, on glass-easel. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { readProgram } from './program.mjs'
import { openPhone, servePages, startBrowser } from './web.mjs'

const require = createRequire(import.meta.url)
const beside = (name) => readFileSync(new URL(name, import.meta.url))
const dist = (name, file) => readFileSync(join(dirname(require.resolve(name + '/package.json')), 'dist', file))

/** @param settle (text, stack) => text: puts the addresses of the stack into the program */
export async function startMini(folder, settle, packages, platform) {
  let addresses = (text) => text
  const files = {
    '/index.html': beside('glass-easel.html'),
    '/boot.mjs': beside('glass-easel-boot.mjs'),
    '/wx.mjs': beside('wx.mjs'),
    '/platforms.mjs': beside('platforms.mjs'),
    '/glass-easel.mjs': dist('glass-easel', 'glass_easel.all.es.js'),
    '/adapter.mjs': dist('glass-easel-miniprogram-adapter', 'glass_easel_miniprogram_adapter.es.js'),
    '/program.json': JSON.stringify(readProgram(folder, packages, platform)),
  }
  const pages = await servePages(folder, { rewrite: (text) => addresses(text), files })
  const { browser, close } = await startBrowser()
  return {
    origin: pages.origin,
    prepare(stack) {
      addresses = (text) => settle(text, stack)
    },
    open: (name) => openPhone(browser, `${pages.origin}/?name=${name}`),
    close: () => Promise.all([close(), pages.close()]),
  }
}
