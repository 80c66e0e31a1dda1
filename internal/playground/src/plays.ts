/**
 * The plays: what each button does, and what must have happened for its text to be true. They use nothing but the
 * client's public interface, the wire's tricks, and the switch of the stand-in for WeChat.
 */
import { factsOf, rowOf } from './story'
import type { SceneName } from './story'
import { sleep } from './stage'
import type { Stage } from './stage'
import type { Call } from './wire'

/** A play resolves with whether it went as told; with nothing when its text does not apply. */
export type Play = (stage: Stage) => Promise<boolean | undefined>

const me = '/users/me'

export const plays: Record<Exclude<SceneName, 'steady' | 'aside'>, Play> = {
  opened: async (stage) => {
    await stage.ask('phone', stage.phone, 'GET', me)
    return factsOf(stage.current()!).logins === 1 || undefined
  },

  one: async (stage) => {
    await stage.signIn()
    return (await stage.ask('phone', stage.phone, 'GET', me)).got === 200
  },

  five: async (stage) => {
    await stage.expire()
    const paths = [me, '/sessions', '/auth/verify', me, '/sessions']
    await Promise.all(paths.map((path) => stage.ask('phone', stage.phone, 'GET', path)))
    const { refused, refreshes, logins, answers } = factsOf(stage.current()!)
    return refused === 5 && refreshes === 1 && logins === 0 && answers === 5
  },

  lost: async (stage) => {
    await stage.expire()
    stage.wire.loseNextRefresh = true
    await stage.ask('phone', stage.phone, 'GET', me)
    const { lost, refreshes, logins, answers } = factsOf(stage.current()!)
    return lost === 1 && refreshes === 1 && logins === 0 && answers === 1
  },

  stolen: async (stage) => {
    // In a new session: after a refresh whose response was lost, the client presents its token again for a minute, and
    // a copy would be noticed only after that.
    await stage.behind(() => stage.phone.login())
    await stage.ask('phone', stage.phone, 'GET', me)
    const copy = stage.tokens()?.refreshToken
    await stage.phone.refresh()
    await stage.phone.refresh()
    await stage.wire.as('thief')('/api/v1/auth/refresh', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken: copy }),
    })
    await stage.ask('phone', stage.phone, 'GET', me)
    const scene = stage.current()!
    const thief = scene.rows.find((row) => row.actor === 'thief')
    const { answers, logins } = factsOf(scene, 'phone')
    return thief?.calls[0]?.code === 'refresh_reused' && answers === 2 && logins === 1
  },

  wechat: async (stage) => {
    await stage.expire()
    const visitor = stage.another('visitor', { getCode: () => 'dev:newcomer' })
    const scene = stage.current()!
    await switchWeChat(true)
    const outage: Call = { actor: 'wechat', kind: 'outage', method: '', path: '', id: '', began: performance.now() }
    rowOf(scene, outage).calls.push(outage)
    try {
      const mine = stage.ask('phone', stage.phone, 'GET', me)
      const theirs = stage.ask('visitor', visitor, 'GET', me)
      await mine
      for (let tries = 0; factsOf(scene).unavailable === 0 && tries < 100; tries++) await sleep(50)
      await switchWeChat(false)
      outage.ended = performance.now()
      await theirs
    } finally {
      await switchWeChat(false)
      outage.ended ??= performance.now()
      visitor.close()
    }
    const phone = factsOf(scene, 'phone')
    const other = factsOf(scene, 'visitor')
    return phone.answers === 1 && phone.refreshes === 1 && phone.logins === 0 && other.unavailable > 0 && other.answers === 1
  },

  everywhere: async (stage) => {
    await stage.signIn()
    // A device where a person types a code: it cannot sign in silently.
    const tablet = stage.another('tablet', {})
    try {
      await tablet.login('dev:' + stage.name)
      await stage.ask('tablet', tablet, 'GET', me)
      const ended = await stage.ask('phone', stage.phone, 'POST', '/auth/logout-all')
      await stage.phone.logout()
      const refused = await stage.ask('tablet', tablet, 'GET', me)
      return ended.got === 204 && refused.got === 'logged_out' && stage.phone.getSession().state === 'loggedOut'
    } finally {
      tablet.close()
    }
  },

  ends: async (stage) => {
    const { phone, name } = stage
    await stage.signIn()
    await stage.ask('phone', phone, 'GET', me)
    // Once is enough: each number that WeChat hands out costs money.
    if (!phone.getSession().user?.phone) await stage.ask('phone', phone, 'POST', me + '/phone', { data: { code: 'dev:' + name } })
    const alipay = stage.another('alipay', { appId: 'alipay', getCode: () => 'dev:' + name })
    try {
      await stage.ask('alipay', alipay, 'GET', me)
      const stranger = alipay.getSession().user?.id
      await alipay.login({ phoneCode: await phoneButton('alipay', name) })
      await stage.ask('alipay', alipay, 'GET', me)
      await stage.ask('phone', phone, 'GET', '/users/me/identities')
      const one = phone.getSession().user?.id
      const { answers, rejected } = factsOf(stage.current()!)
      return rejected === 0 && answers >= 4 && one !== undefined && stranger !== one && alipay.getSession().user?.id === one
    } finally {
      alipay.close()
      // So that it is another user again when it is played once more.
      await stage.behind(() => phone.request({ url: '/api/v1/users/me/identities/alipay', method: 'DELETE' }))
    }
  },

  login: async (stage) => {
    await stage.phone.login()
    return stage.phone.getSession().state === 'authenticated'
  },

  logout: async (stage) => {
    await stage.phone.logout()
    return stage.phone.getSession().state === 'loggedOut'
  },

  switched: async (stage) => {
    const before = stage.tokens()?.accessToken
    await stage.phone.refresh()
    return stage.tokens()?.accessToken !== before
  },
}

/** What the phone button of a platform hands to its client. */
async function phoneButton(appId: string, user: string): Promise<string> {
  const response = await fetch('/dev/phone-code', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ appId, user }),
  })
  if (!response.ok) throw new Error(`the phone button failed: HTTP ${String(response.status)}`)
  return ((await response.json()) as { code: string }).code
}

/** Cuts the stand-in for WeChat off, or brings it back. */
async function switchWeChat(down: boolean): Promise<void> {
  const response = await fetch('/playground/wechat', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ down }),
  })
  if (!response.ok) throw new Error(`WeChat could not be switched: HTTP ${String(response.status)}`)
}
