/** Serves built pages, and drives them in the system's Chromium. */
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { chromium } from 'playwright-core'
import { until } from './stack.mjs'

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript',
  '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2',
}

/**
 * Serves a folder. `rewrite` is given each text: the examples are built once, with the addresses of their READMEs, and
 * the services of a test listen elsewhere. `files` are served beside the folder: { '/path': text }.
 */
export async function servePages(folder, { rewrite = (text) => text, files = {} } = {}) {
  const server = createServer((incoming, outgoing) => {
    const path = normalize(decodeURIComponent(incoming.url.split('?')[0])).replace(/\/$/, '/index.html')
    const file = join(folder, path)
    const body = path in files ? files[path] : existsSync(file) ? readFileSync(file) : undefined
    if (body === undefined) {
      outgoing.writeHead(404).end()
      return
    }
    const type = TYPES[extname(path)] ?? 'application/octet-stream'
    const isText = /text|json|svg/.test(type)
    outgoing.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(isText ? rewrite(String(body)) : body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    }),
  }
}

/** Chromium with a new profile, that asks nobody outside for anything. */
export async function startBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'wugan-chromium-'))
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--disk-cache-dir=${profile}`,
      // Whatever a framework would like to load from its makers' hosts fails at once.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  })
  return {
    browser,
    async close() {
      await browser.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

/** A phone with the page at `address` open. Mistakes in the page are collected, for a test to find none. */
export async function openPhone(browser, address) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: 'zh-CN' })
  const page = await context.newPage()
  const mistakes = []
  page.on('pageerror', (error) => mistakes.push(String(error)))
  await page.goto(address)
  // glass-easel puts a prefix of its own before each id.
  const find = (id) => page.locator(`[id="${id}"], [id$="--${id}"]`).first()
  return {
    page,
    mistakes,
    tap: (id) => find(id).tap(),
    text: async (id) => ((await find(id).count()) ? (await find(id).textContent()).trim() : ''),
    has: async (id) => (await find(id).count()) > 0,
    /** Taps what asks for a picture, and chooses this one. */
    async choose(id, file) {
      const asked = page.waitForEvent('filechooser')
      await find(id).tap()
      await (await asked).setFiles(file)
    },
    setClockBack: () => page.evaluate(() => {
      const real = Date.now
      Date.now = () => real() - 3600000
    }),
    back: () => page.goBack(),
    restart: () => page.reload(),
    async picture(name) {
      if (process.env.PICTURES) await page.screenshot({ path: join(process.env.PICTURES, name + '.png'), fullPage: true })
    },
    close: () => context.close(),
  }
}

/** Waits until the text of an element is as wanted: a text, or a pattern. */
export const shows = (device, id, wanted) => until(
  async () => {
    const text = await device.text(id)
    return wanted instanceof RegExp ? wanted.test(text) : text === wanted
  },
  async () => `#${id} is to show ${wanted}, and shows ${await device.text(id)}`,
)

/** The addresses of the READMEs, which the examples are built with, give way to those of a test's services. */
export const settle = (text, stack) =>
  text.replaceAll('http://localhost:8080', stack.auth.url).replaceAll('http://localhost:8081', stack.shop.url)

/** A built page in Chromium, logged in as whoever its address names. */
export async function startH5(folder) {
  let addresses = (text) => text
  const pages = await servePages(folder, { rewrite: (text) => addresses(text) })
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
