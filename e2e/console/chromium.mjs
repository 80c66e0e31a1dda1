// One Chromium for the tests of a page, and an eye on what a page must not do.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
})

/**
 * A page of its own for the test, closed after it. The test fails for an exception in the page, a breach of its policy, a
 * request to another origin, a dialog, and an error in the console that is not `expected`: the browser reports each refusal there.
 */
export async function watched(t, browser, origin, expected, options) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) faults.push('a request to ' + request.url())
  })
  page.on('dialog', (dialog) => { faults.push('a dialog: ' + dialog.message()); void dialog.dismiss() })
  t.after(async () => {
    await context.close()
    assert.deepEqual(faults, [])
  })
  return page
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Fails for whatever axe finds in the page as it is. */
export async function accessible(page, where) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  assert.deepEqual(violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html.slice(0, 150) + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`), [])
}
