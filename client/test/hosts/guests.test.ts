/** A guest of the platform's own app has no identity: no trouble, no user, no login page that opens by itself. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { alipayHost } from '../../src/alipay'
import { baiduCode, baiduHost } from '../../src/baidu'
import { douyinCode, douyinHost } from '../../src/douyin'
import type { Host, HostCall } from '../../src/host'
import { wecomHost } from '../../src/wecom'
import { Device, LOGIN } from '../support/device'
import { alipay, baidu, douyin, type Person, person, wecom } from '../support/platforms'
import { scene } from '../support/setup'
import { freeze, outcome, pass } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

const withoutWordOfIt = (device: Device, who: Person) => {
  const swan = baidu(device, who)
  delete swan.isLoginSync
  return swan
}

const GUESTS: [string, (device: Device, who: Person) => Host][] = [
  ['my, where the person refuses', (device, who) => alipayHost(alipay(device, who))],
  ['tt', (device, who) => douyinHost(douyin(device, who))],
  ['swan', (device, who) => baiduHost(baidu(device, who))],
  ['swan of a base library without isLoginSync', (device, who) => baiduHost(withoutWordOfIt(device, who))],
  ['swan that tells of it in success', (device, who) => {
    const swan = withoutWordOfIt(device, who)
    return baiduHost({ ...swan, getLoginCode: ({ success }: HostCall) => { swan.getLoginCode({ success, fail: success }) } })
  }],
  ['WeChat, for a WeCom mini program', (device, who) => {
    const wx = wecom(device)
    return wecomHost(new Proxy(wx, { get: (target, name) => (name === 'qy' && who.isGuest ? undefined : (target as Record<string | symbol, unknown>)[name]) }))
  }],
]

describe.each(GUESTS)('%s', (_, hostOf) => {
  const made = () => {
    const device = new Device()
    const who = person()
    who.isGuest = true
    return { who, ...scene({ host: hostOf(device, who) }, device) }
  }

  it('requests reject with an AuthError no_identity, and the service is asked nothing', async () => {
    const { client, service, who, types } = made()
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'no_identity', retryable: false } })
    expect(client.getSession()).toMatchObject({ state: 'refused', reason: 'no_identity' })
    expect(types()).toEqual(['loginFailed'])
    expect([service.calls, who.asked]).toEqual([[], 0])
  })

  it('a page that is asked each second asks the platform now and then, and never opens its login page', async () => {
    const { client, device, who } = made()
    for (let second = 0; second < 60; second++) {
      await outcome(client.get('/a'))
      await pass(1000)
    }
    expect([device.logins, who.asked]).toEqual([0, 0])
  })

  it('public pages are answered', async () => {
    const { client, service } = made()
    expect(await outcome(client.get('/public', undefined, { auth: 'optional' }))).toMatchObject({ ok: true, value: { ok: true } })
    expect(service.to(LOGIN)).toEqual([])
  })

  it('whoever has logged in to the app meanwhile is let in', async () => {
    const { client, who } = made()
    await outcome(client.get('/a'))
    who.isGuest = false
    expect(await outcome(client.login())).toMatchObject({ ok: true, value: { user: { id: 'alice' } } })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })
})

describe('a button that opens the app\'s login page', () => {
  const BUTTONS: [string, (device: Device, who: Person) => { host: Host; ask: () => Promise<string> }][] = [
    ['tt', (device, who) => {
      const tt = douyin(device, who)
      return { host: douyinHost(tt), ask: () => douyinCode(tt) }
    }],
    ['swan', (device, who) => {
      const swan = baidu(device, who)
      return { host: baiduHost(swan), ask: () => baiduCode(swan) }
    }],
  ]

  it.each(BUTTONS)('%s: who agrees is logged in', async (_, make) => {
    const device = new Device()
    const who = { ...person(), isGuest: true }
    const { host, ask } = make(device, who)
    const { client } = scene({ host }, device)
    await outcome(client.get('/a'))
    expect(await outcome(ask().then((code) => client.login(code)))).toMatchObject({ ok: true, value: { user: { id: 'alice' } } })
    expect(who.asked).toBe(1)
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: true })
  })

  it.each(BUTTONS)('%s: who goes back is told apart, and nobody is logged in', async (_, make) => {
    const device = new Device()
    const { ask } = make(device, { ...person(), isGuest: true, agrees: false })
    expect(await outcome(ask())).toMatchObject({ ok: false })
    expect(device.service.calls).toEqual([])
  })
})

describe('getCode', () => {
  it('may say that there is nobody, by an AuthError of its own', async () => {
    const { AuthError } = await import('../../src/errors')
    const { client } = scene({ getCode: () => Promise.reject(new AuthError('no_identity', 'a guest')) })
    expect(await outcome(client.get('/a'))).toMatchObject({ ok: false, error: { name: 'AuthError', code: 'no_identity', message: 'a guest' } })
  })
})
