/* eslint-disable @typescript-eslint/no-deprecated -- react-test-renderer is what draws React without a page; its successor needs a DOM */
/** The session in Vue and React, with the frameworks themselves; the guard of pages; and the tools for development. */
import { createElement } from 'react'
import { act, create, type ReactTestRenderer } from 'react-test-renderer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, watchEffect } from 'vue'
import { createClient as createDebugged, drawTimeline, type Entry } from '../../src/devtools'
import { pageGuard } from '../../src/guard'
import { useSession as useReactSession } from '../../src/react'
import { useSession as useVueSession } from '../../src/vue'
import { BASE, Device, LOGIN } from '../support/device'
import { problem } from '../support/service'
import { scene } from '../support/setup'
import { drained, freeze, outcome } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('useSession for Vue', () => {
  it('follows the session until its scope is gone', async () => {
    const { client } = scene()
    const scope = effectScope()
    const seen: unknown[] = []
    const { state, user, isLoggedIn, session } = scope.run(() => {
      const used = useVueSession(client)
      watchEffect(() => { seen.push(used.user.value?.nickname) }, { flush: 'sync' })
      return used
    })!
    expect([state.value, isLoggedIn.value]).toEqual(['anonymous', false])
    await outcome(client.get('/a'))
    expect([state.value, isLoggedIn.value, user.value?.id]).toEqual(['authenticated', true, 'alice'])
    client.setUser({ nickname: 'Al' })
    await drained()
    await outcome(client.logout())
    expect(session.value).toEqual({ state: 'loggedOut' })
    expect(seen).toEqual([undefined, 'alice', 'Al', undefined])
    scope.stop()
    await outcome(client.login())
    expect(session.value).toEqual({ state: 'loggedOut' })
  })
})

describe('useSession for React', () => {
  it('draws again when the session changes, and only then', async () => {
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
    const { client } = scene()
    let drawn = 0
    function Page() {
      drawn++
      const { state, user } = useReactSession(client)
      return createElement('p', null, `${state} ${user?.nickname ?? ''}`)
    }
    let page!: ReactTestRenderer
    await act(async () => { page = create(createElement(Page)); await drained() })
    const text = () => (page.toJSON() as unknown as { children: string[] }).children.join('')
    expect(text()).toBe('anonymous ')
    await act(async () => { await outcome(client.get('/a')) })
    expect(text()).toBe('authenticated alice')
    const before = drawn
    await act(async () => { client.setUser({ nickname: 'alice' }); await drained() })
    expect(drawn).toBe(before)
    await act(async () => { await outcome(client.logout()) })
    expect(text()).toBe('loggedOut ')
    await act(async () => { page.unmount(); await drained() })
    await outcome(client.login())
    expect(drawn).toBe(before + 1)
  })
})

describe('pageGuard', () => {
  const options = { needs: (path: string) => path.startsWith('/pages/order/'), loginPage: '/pages/login/index' }

  it('lets through what needs nobody, logs in silently, and else names the login page', async () => {
    const { client, service } = scene()
    const guard = pageGuard(client, options)
    expect(await outcome(guard.check('/pages/home/index?x=1'))).toMatchObject({ ok: true, value: true })
    expect(service.calls).toHaveLength(0)
    expect(await outcome(guard.check('pages/order/index?id=7'))).toMatchObject({ ok: true, value: true })
    expect(service.to(LOGIN)).toHaveLength(1)
    await outcome(client.logout())
    expect(await outcome(guard.check('/pages/order/index?id=7'))).toMatchObject({ ok: true, value: '/pages/login/index?from=%2Fpages%2Forder%2Findex%3Fid%3D7' })
  })

  it('without a network the page opens, and tells it itself', async () => {
    const { client, service } = scene()
    service.script(LOGIN, { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    expect(await outcome(pageGuard(client, options).check('/pages/order/index'))).toMatchObject({ ok: true, value: true })
  })

  it("uni-app: every way to a page leads to the login page while there is no other", async () => {
    const { client, service } = scene()
    const interceptors: Record<string, (args: { url: string }) => void> = {}
    pageGuard(client, options).install({ addInterceptor: (name: string, one: { invoke: (args: { url: string }) => void }) => { interceptors[name] = one.invoke } })
    const goes = (name: string, url: string) => {
      const args = { url }
      interceptors[name]!(args)
      return args.url
    }
    expect(Object.keys(interceptors)).toEqual(['navigateTo', 'redirectTo', 'reLaunch', 'switchTab'])
    // No session yet: the page's first request logs in.
    expect(goes('navigateTo', '/pages/order/index')).toBe('/pages/order/index')
    service.script(LOGIN, problem(403, 'user_disabled'))
    await outcome(client.get('/a'))
    expect(goes('switchTab', '/pages/order/index')).toBe('/pages/login/index?from=%2Fpages%2Forder%2Findex')
    expect(goes('reLaunch', '/pages/home/index')).toBe('/pages/home/index')
  })
})

describe('devtools', () => {
  it('debug tells each decision in one line, and never a token or a code', async () => {
    const device = new Device()
    const lines: string[] = []
    const entries: Entry[] = []
    const client = createDebugged({ host: device.host, baseURL: BASE, random: () => 0.5, debug: (line) => lines.push(line), onEntry: (_, all) => entries.splice(0, entries.length, ...all) })
    await outcome(client.get('/a?secret=1'))
    device.service.expireAccess()
    await outcome(client.get('/a'))
    device.service.script('/a', { kind: 'fail' })
    await outcome(client.get('/a'))
    await outcome(client.logout())
    expect(lines).toEqual([
      '→ host.login', '← host.login ok after 25 ms',
      '→ POST /api/v1/auth/login', '← POST /api/v1/auth/login 200 after 50 ms', 'loggedIn: authenticated',
      '→ GET /a', '← GET /a 200 after 50 ms',
      '→ GET /a', '← GET /a 401 after 50 ms: the token is renewed, and the request sent again, unless it was',
      '→ POST /api/v1/auth/refresh', '← POST /api/v1/auth/refresh 200 after 50 ms', 'refreshed: authenticated',
      '→ GET /a', '← GET /a 200 after 50 ms',
      '→ GET /a', '← GET /a failed after 25 ms',
      'loggedOut: loggedOut', '→ POST /api/v1/auth/logout', '← POST /api/v1/auth/logout 204 after 50 ms',
    ])
    expect(lines.join()).not.toMatch(/at\.|rt\.|code:|secret/)
    expect(entries.map(({ kind, result }) => [kind, result]).slice(0, 3)).toEqual([['login', 'ok'], ['login', '200'], ['event', undefined]])
  })

  it('debug: true tells the console', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const device = new Device()
    await outcome(createDebugged({ host: device.host, baseURL: BASE, debug: true }).get('/public', undefined, { auth: false }))
    expect(log).toHaveBeenCalledWith('[wugan] → GET /public')
    log.mockRestore()
    await outcome(createDebugged({ host: device.host, baseURL: BASE }).get('/public', undefined, { auth: false }))
  })

  it('draws a time line of its calls', () => {
    interface Element { textContent: string; className: string; style: { cssText: string }; ownerDocument: object; children: Element[]; append: (...c: Element[]) => void; replaceChildren: (...c: Element[]) => void }
    const page = { createElement: (): Element => {
      const element: Element = { textContent: '', className: '', style: { cssText: '' }, ownerDocument: page, children: [], append: (...c) => element.children.push(...c), replaceChildren: (...c) => { element.children = c } }
      return element
    } }
    const root = page.createElement()
    drawTimeline(root, [{ at: 0, took: 50, kind: 'refresh', what: 'POST /refresh', result: '200' }, { at: 50, kind: 'request', what: 'GET /a' }, { at: 100, kind: 'event', what: 'refreshed' }])
    expect(root.children.map(({ children }) => [children[0]!.textContent, children[2]!.textContent])).toEqual([['POST /refresh', '200'], ['GET /a', '…'], ['refreshed', '']])
    expect(root.children[0]!.children[1]!.children[0]!.style.cssText).toContain('left:0.00%;width:50.00%')
  })
})
