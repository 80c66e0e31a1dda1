/**
 * A real service for the live tests: the one at WUGAN_URL (`wugan dev --access-ttl 2s --refresh-grace 1s`), or the
 * binary WUGAN_BIN, started here on a free port with a folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface LiveServer {
  url: string
  /** Only where the binary is ours to stop. */
  restart: { stop: () => Promise<void>; start: () => Promise<void> } | undefined
  close: () => Promise<void>
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => { resolve(port) })
    })
  })

/** @param settings of the service; then it is one of our own */
export async function liveServer(settings?: Record<string, string>): Promise<LiveServer> {
  const { WUGAN_URL, WUGAN_BIN } = process.env
  if (WUGAN_URL && !settings) return { url: WUGAN_URL, restart: undefined, close: () => Promise.resolve() }
  if (!WUGAN_BIN && settings) throw new Error('set WUGAN_BIN to the binary: this test needs settings of its own')
  if (!WUGAN_BIN) throw new Error('set WUGAN_BIN to the binary, or WUGAN_URL to a running `wugan dev --access-ttl 2s --refresh-grace 1s`')

  const port = await freePort()
  const url = `http://127.0.0.1:${String(port)}`
  const data = mkdtempSync(join(tmpdir(), 'wugan-live-'))
  let process_: ChildProcess
  const start = async (): Promise<void> => {
    let said = ''
    process_ = spawn(WUGAN_BIN, ['dev', '--addr', `127.0.0.1:${String(port)}`, '--access-ttl', '2s', '--refresh-grace', '1s', '--data', data], { env: { ...process.env, ...settings } })
    process_.stdout?.on('data', (text) => { said += String(text) })
    process_.stderr?.on('data', (text) => { said += String(text) })
    for (let tries = 0; tries < 200; tries++) {
      if (process_.exitCode !== null) break
      const ready = await fetch(url + '/readyz').then((response) => response.ok, () => false)
      if (ready) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`${WUGAN_BIN} did not get ready:\n${said}`)
  }
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      process_.once('exit', () => { resolve() })
      process_.kill('SIGTERM')
    })
  await start()
  return {
    url,
    restart: { start, stop },
    close: async () => {
      await stop()
      rmSync(data, { recursive: true })
    },
  }
}
