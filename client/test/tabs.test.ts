/** The row of the case table about tabs: two clients, one storage, and the browser's locks. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tabLock, watchKey } from '../src/hosts/tabs'
import { Device, LOGIN, LOGOUT, REFRESH, type SharedStorage } from './support/device'
import { Service } from './support/service'
import { scene } from './support/setup'
import { drained, freeze, outcome, pass, runOut, watched } from './support/time'

/** Web Locks of one origin, as far as they are used: exclusive, first come first served, given up by a signal. */
class Locks {
  holder: Promise<unknown> | undefined
  private readonly queue: (() => void)[] = []

  async request<T>(_: string, { signal }: { signal: AbortSignal }, work: () => Promise<T>): Promise<T> {
    if (this.holder) {
      await new Promise<void>((resolve, reject) => {
        this.queue.push(resolve)
        signal.addEventListener('abort', () => {
          this.queue.splice(this.queue.indexOf(resolve), 1)
          reject(new DOMException('given up', 'AbortError'))
        })
      })
    }
    const held = work()
    this.holder = held
    try {
      return await held
    } finally {
      this.holder = undefined
      this.queue.shift()?.()
    }
  }
}

let locks: Locks

beforeEach(() => {
  freeze()
  locks = new Locks()
  vi.stubGlobal('navigator', { locks })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function tabs() {
  const service = new Service()
  const storage: SharedStorage = { values: new Map(), watchers: [] }
  const open = () => {
    const device = new Device(service, storage)
    return scene({ host: { ...device.asTab(), withLock: tabLock } }, device)
  }
  return { service, storage, open, one: open(), two: open() }
}

describe('tabs', () => {
  it('cold start in two tabs at once: one login', async () => {
    const { service, one, two } = tabs()
    expect(await outcome(Promise.all([one.client.get('/a'), two.client.get('/a')]))).toMatchObject({ ok: true })
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('an expired token in two tabs at once: one refresh, since the second reads the storage again under the lock', async () => {
    const { service, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    service.expireAccess()
    expect(await outcome(Promise.all([one.client.get('/a'), two.client.get('/a')]))).toMatchObject({ ok: true, value: [{ statusCode: 200 }, { statusCode: 200 }] })
    expect(service.to(REFRESH)).toHaveLength(1)
  })

  it.each([true, false])('the tab that finds the work done says that its session is authenticated (storage events: %s)', async (heard) => {
    const { service, storage, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    service.expireAccess()
    if (!heard) storage.watchers.length = 0
    const states: unknown[] = []
    two.client.onAuthStateChange(({ type, session }) => states.push([type, session.state]))
    await outcome(Promise.all([one.client.get('/a'), two.client.get('/a')]))
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(states).toEqual([['refreshed', 'authenticated']])
  })

  it('the storage event takes over tokens', async () => {
    const { service, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    await outcome(one.client.refresh())
    expect(two.types().at(-1)).toBe('refreshed')
    service.calls.length = 0
    await outcome(two.client.get('/a'))
    await outcome(one.client.get('/a'))
    expect(new Set(service.calls.map((call) => call.token)).size).toBe(1)
  })

  it('the storage event takes over a logout: waiting requests reject, and the other tab tells the service nothing', async () => {
    const { service, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    service.script('/slow', { kind: 'hang' })
    const waiting = watched(two.client.get('/slow'))
    await outcome(one.client.logout())
    expect(waiting.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(two.types().at(-1)).toBe('loggedOut')
    expect(two.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(service.to(LOGOUT)).toHaveLength(1)
  })

  it('the storage event takes over a login after a logout, and another user', async () => {
    const { one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(one.client.logout())
    one.device.user = 'bob'
    await outcome(one.client.login())
    expect(two.client.getSession()).toMatchObject({ state: 'authenticated', user: { id: 'bob' } })
    one.device.user = 'carol'
    await outcome(one.client.login())
    expect(two.types().slice(-2)).toEqual(['userChanged', 'loggedIn'])
  })

  it('a tab that hangs with the lock costs the others 10 s, not more', async () => {
    const { one } = tabs()
    void locks.request('wugan', { signal: new AbortController().signal }, () => new Promise(() => undefined))
    const request = watched(one.client.get('/a'))
    await pass(9900)
    expect(request.now).toBeUndefined()
    await pass(400)
    expect(request.now).toMatchObject({ ok: true, value: { statusCode: 200 } })
  })

  it('the lock is let go when a refresh fails', async () => {
    const { service, one, two } = tabs()
    await outcome(one.client.get('/a'))
    service.expireAccess()
    service.script(REFRESH, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    expect(await outcome(one.client.get('/a'))).toMatchObject({ ok: false })
    expect(locks.holder).toBeUndefined()
    const began = Date.now()
    expect(await outcome(two.client.get('/a'))).toMatchObject({ ok: true })
    expect(Date.now() - began).toBeLessThan(300)
  })

  it('a logout while another tab holds the lock ends the wait for it', async () => {
    const { service, one } = tabs()
    await outcome(one.client.get('/a'))
    service.expireAccess()
    void locks.request('wugan', { signal: new AbortController().signal }, () => new Promise(() => undefined))
    const request = watched(one.client.get('/a'))
    await pass(1000)
    void one.client.logout()
    await drained()
    expect(request.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    await runOut()
    expect(service.to(REFRESH)).toHaveLength(0)
  })

  it('where locks cannot be had at all, the work is done all the same', async () => {
    vi.stubGlobal('navigator', {})
    await expect(tabLock('n', 10, () => Promise.resolve(1))).resolves.toBe(1)
    vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new DOMException('opaque origin', 'SecurityError')) } })
    await expect(tabLock('n', 10, () => Promise.resolve(2))).resolves.toBe(2)
  })

  it('the work is done once, and its error is the error', async () => {
    const work = vi.fn(() => Promise.reject(new Error('mine')))
    await expect(tabLock('n', 10, work)).rejects.toThrow('mine')
    expect(work).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('only our own key is news', () => {
    const page = new EventTarget()
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
    const changed = vi.fn()
    const stop = watchKey('wugan', changed)
    const write = (key: string) => page.dispatchEvent(Object.assign(new Event('storage'), { key }))
    write('other')
    expect(changed).not.toHaveBeenCalled()
    write('wugan')
    expect(changed).toHaveBeenCalledTimes(1)
    stop()
    write('wugan')
    expect(changed).toHaveBeenCalledTimes(1)
  })
})
