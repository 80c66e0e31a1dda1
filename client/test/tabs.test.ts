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

  it('a logout counts, however far the tab is behind the storage', async () => {
    const { service, storage, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    // A frozen tab hears nothing.
    const heard = storage.watchers.splice(0, 1)
    await outcome(two.client.refresh())
    await outcome(two.client.refresh())
    storage.watchers.push(...heard)
    await outcome(one.client.logout())
    for (const { client, types } of [one, two]) {
      expect(client.getSession()).toEqual({ state: 'loggedOut' })
      expect(types().at(-1)).toBe('loggedOut')
      expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    }
    expect(service.liveSessions()).toBe(0)
    expect(service.to(LOGIN)).toHaveLength(1)
  })

  it('so does one in the millisecond before the storage event', async () => {
    const { one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    two.client.onAuthStateChange(({ type }) => { if (type === 'refreshed') void one.client.logout() })
    await outcome(two.client.refresh())
    expect([one.client.getSession(), two.client.getSession()]).toEqual([{ state: 'loggedOut' }, { state: 'loggedOut' }])
  })

  it('a login in a tab that was frozen is not ended by what the others did before: not by a logout, nor by another user', async () => {
    const { service, storage, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    const heard = storage.watchers.splice(0, 1)
    await outcome(two.client.logout())
    expect(await outcome(one.client.login(service.newCode('bob')))).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(await outcome(two.client.login(service.newCode('carol')))).toMatchObject({ ok: true })
    expect(await outcome(one.client.login(service.newCode('dave')))).toMatchObject({ ok: true, value: { user: { id: 'dave' } } })
    expect(storage.watchers).toHaveLength(heard.length)
  })

  it('nor by another user who logs in while it is under way', async () => {
    const { service, one, two } = tabs()
    await outcome(one.client.get('/a'))
    await outcome(two.client.get('/a'))
    vi.stubGlobal('navigator', {})
    two.device.latency = () => 10
    const login = watched(one.client.login(service.newCode('bob')))
    await outcome(two.client.login(service.newCode('carol')))
    expect(login.now).toMatchObject({ ok: true, value: { user: { id: 'bob' } } })
    expect(one.types()).toEqual(['loggedIn', 'userChanged', 'loggedIn', 'userChanged', 'loggedIn'])
    expect(two.client.getSession().user?.id).toBe('bob')
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
    const write = (key: string | null) => page.dispatchEvent(Object.assign(new Event('storage'), { key }))
    write('other')
    expect(changed).not.toHaveBeenCalled()
    write('wugan')
    expect(changed).toHaveBeenCalledTimes(1)
    // localStorage.clear() names no key.
    write(null)
    expect(changed).toHaveBeenCalledTimes(2)
    stop()
    write('wugan')
    write(null)
    expect(changed).toHaveBeenCalledTimes(2)
  })
})

describe('two clients with one key in a mini program, where no event tells the one of the other', () => {
  async function pair() {
    const device = new Device()
    const [a, b] = [scene({}, device), scene({}, device)]
    await outcome(a.client.get('/a'))
    await outcome(b.client.get('/a'))
    return { a, b, device }
  }

  it('a logout in one holds for the other, and no silent login undoes it', async () => {
    const { a, b, device } = await pair()
    await outcome(a.client.refresh())
    await outcome(b.client.logout())
    expect(await outcome(a.client.get('/a'))).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(a.client.getSession()).toEqual({ state: 'loggedOut' })
    expect(a.types().at(-1)).toBe('loggedOut')
    expect(device.logins).toBe(1)
    const restarted = scene({}, new Device(device.service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it("the answer to the other's refresh does not overwrite it, and what it brought is revoked", async () => {
    const { a, b, device } = await pair()
    const refresh = watched(a.client.refresh())
    // The service has answered, and the answer is on its way.
    await pass(30)
    await outcome(b.client.logout())
    expect(refresh.now).toMatchObject({ ok: false, error: { code: 'logged_out' } })
    expect(device.service.liveSessions()).toBe(0)
    const restarted = scene({}, new Device(device.service, device.storage))
    expect(restarted.client.getSession()).toEqual({ state: 'loggedOut' })
  })

  it('a refresh in both at once: an answer that comes late leaves the newer tokens of the other alone', async () => {
    const { a, b, device } = await pair()
    device.latency = () => 500
    const late = watched(a.client.refresh())
    await pass(1)
    device.latency = () => 100
    await outcome(b.client.refresh())
    const { accessToken } = JSON.parse(device.storage.values.get('wugan')!) as { accessToken: string }
    expect(late.now).toMatchObject({ ok: true, value: accessToken })
    expect(a.types()).toEqual(['loggedIn', 'refreshed'])
    device.service.calls.length = 0
    await outcome(Promise.all([a.client.get('/a'), b.client.get('/a')]))
    expect(device.service.to('/a').map((call) => call.token)).toEqual([accessToken, accessToken])
  })

  it('a login in one after the logout in the other is a login', async () => {
    const { a, b } = await pair()
    await outcome(b.client.logout())
    expect(await outcome(a.client.login())).toMatchObject({ ok: true, value: { state: 'authenticated' } })
  })
})
