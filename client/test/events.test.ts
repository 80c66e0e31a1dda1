/** What an event says of the session: what is true once it has happened. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuthEvent } from '../src'
import { loggedIn, scene } from './support/setup'
import { freeze, outcome } from './support/time'

beforeEach(freeze)
afterEach(() => {
  vi.useRealTimers()
})

describe('an event', () => {
  it('that says loggedIn or refreshed comes with a session that is authenticated, so that a page can show it', async () => {
    const { client } = scene()
    const events: AuthEvent[] = []
    client.onAuthStateChange((event) => events.push(event))
    await outcome(client.get('/a'))
    await outcome(client.refresh())
    expect(events.map(({ type, session }) => [type, session.state])).toEqual([
      ['loggedIn', 'authenticated'],
      ['refreshed', 'authenticated'],
    ])
  })

  it('of a login that took a refresh off the wire is the only one', async () => {
    const { client } = scene()
    await outcome(client.get('/a'))
    const events: AuthEvent[] = []
    client.onAuthStateChange((event) => events.push(event))
    const refresh = client.refresh()
    await outcome(Promise.all([refresh, client.login()]))
    expect(events.map(({ type, session }) => [type, session.state])).toEqual([
      ['loggedIn', 'authenticated'],
    ])
  })

  it('initial comes once, first, and to who asks for it', async () => {
    const { client } = await loggedIn()
    const asked: AuthEvent[] = []
    const plain: AuthEvent[] = []
    client.onAuthStateChange((event) => asked.push(event), { initial: true })
    client.onAuthStateChange((event) => plain.push(event))
    await outcome(client.refresh())
    expect(asked.map(({ type, session }) => [type, session.state])).toEqual([['initial', 'authenticated'], ['refreshed', 'authenticated']])
    expect(plain.map(({ type }) => type)).toEqual(['refreshed'])
  })
})
