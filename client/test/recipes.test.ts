/** The recipes of docs/en/recipes.md, run with the libraries themselves; and that the page shows these very files. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HostCall } from '../src/host'
import { Device, LOGIN, REFRESH } from './support/device'
import { freeze, outcome } from './support/time'

type Asks = (path: string) => Promise<unknown>
interface Http { get: Asks }

let device: Device

/** `uni` for the libraries: they give `complete` alone. */
const uniOf = ({ host }: Device) => ({
  ...host,
  request: (options: HostCall) => {
    const tell = (tellOne: ((result: object) => void) | undefined) => (result: object) => {
      tellOne?.(result)
      ;(options as { complete?: (result: object) => void }).complete?.(result)
    }
    return host.request({ ...options, success: tell(options.success), fail: tell(options.fail) })
  },
})

beforeEach(() => {
  freeze()
  vi.resetModules()
  device = new Device()
  vi.stubGlobal('uni', uniOf(device))
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

/** An adapter in the shape of alova's own, over the device. */
const adapter = (elements: { url: string; type: string; headers: Record<string, string>; data: unknown }) => {
  const answer = new Promise<{ statusCode: number; header: object; data: unknown }>((success, fail) => {
    device.host.request({ url: elements.url, method: elements.type, header: elements.headers, data: elements.data, timeout: 0, success, fail })
  })
  return { response: () => answer, headers: () => answer.then((response) => response.header), abort: () => undefined }
}

const recipe = (name: string): Promise<unknown> => import(`../recipes/${name}.js`)

const recipes: Record<string, () => Promise<Asks>> = {
  'luch-request': async () => {
    const { http } = (await recipe('luch-request')) as { http: Http }
    return (path) => http.get(path)
  },
  'uni-ajax': async () => {
    const { http } = (await recipe('uni-ajax')) as { http: Http }
    return (path) => http.get(path)
  },
  alova: async () => {
    const made = (await recipe('alova')) as { alova: (adapter: unknown) => { Get: (path: string, config: object) => Promise<{ statusCode: number }> } }
    const alova = made.alova(adapter)
    // alova shares and caches GETs: five are to be five here. It leaves judging the status to its `responded`.
    let n = 0
    return async (path) => {
      const response = await alova.Get(`${path}?n=${String(++n)}`, { cacheFor: null })
      if (response.statusCode >= 400) throw Object.assign(new Error('refused'), response)
      return response
    }
  },
}

describe.each(Object.entries(recipes))('%s', (name, load) => {
  it('cold start, then an expired token with five requests at once: one login, one refresh, five answers', async () => {
    const ask = await load()
    expect(await outcome(ask('/a'))).toMatchObject({ ok: true, value: { statusCode: 200 } })
    device.service.expireAccess()
    const all = await outcome(Promise.all([1, 2, 3, 4, 5].map(() => ask('/a'))))
    expect(all).toMatchObject({ ok: true, value: Array.from({ length: 5 }, () => ({ statusCode: 200, data: { user: 'alice' } })) })
    expect(device.service.to(LOGIN)).toHaveLength(1)
    expect(device.service.to(REFRESH)).toHaveLength(1)
    expect(device.service.to('/a')).toHaveLength(11)
  })

  it('both tokens refused: one silent login', async () => {
    const ask = await load()
    await outcome(ask('/a'))
    device.service.revokeAll()
    expect(await outcome(Promise.all([ask('/a'), ask('/b')]))).toMatchObject({ ok: true })
    expect(device.service.to(LOGIN)).toHaveLength(2)
  })

  it('a permanent 401 reaches the caller after two sendings', async () => {
    const ask = await load()
    await outcome(ask('/a'))
    device.service.refusesAll = true
    device.service.calls.length = 0
    expect(await outcome(ask('/a'), 100)).toMatchObject({ ok: false, error: { statusCode: 401 } })
    expect(device.service.to('/a')).toHaveLength(2)
  })

  it('a refresh that fails leaves nobody hanging', async () => {
    const ask = await load()
    await outcome(ask('/a'))
    device.service.expireAccess()
    device.service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    expect(await outcome(Promise.all([ask('/a'), ask('/b')]))).toMatchObject({ ok: false, error: { name: 'NetworkError' } })
    expect(await outcome(ask('/a'))).toMatchObject({ ok: true })
  })

  it('docs/en/recipes.md shows this very file', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/en/recipes.md'), 'utf8')
    expect(page).toContain('```js\n' + readFileSync(join(import.meta.dirname, `../recipes/${name}.js`), 'utf8') + '```')
  })
})
