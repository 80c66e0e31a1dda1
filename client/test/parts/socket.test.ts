import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, type SocketOptions, type SocketState, type SocketTask, webSockets } from '../../src/socket'
import { REFRESH } from '../support/device'
import { problem } from '../support/service'
import { scene } from '../support/setup'
import { drained, freeze, outcome, pass } from '../support/time'

beforeEach(freeze)
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

/** One connection as the server sees it. */
class Connection implements SocketTask {
  readonly got: string[] = []
  closed: number | undefined
  readonly on: Record<string, (event: never) => void> = {}
  constructor(readonly url: string, readonly protocols: string[] = [], readonly header?: object) {}
  send({ data }: { data: string | ArrayBuffer }) { this.got.push(data as string) }
  close({ code }: { code?: number }) { this.closed = code }
  onOpen(listener: () => void) { this.on.open = listener }
  onMessage(listener: (event: never) => void) { this.on.message = listener }
  onClose(listener: (event: never) => void) { this.on.close = listener }
  onError(listener: (event: never) => void) { this.on.error = listener }
  tell(name: string, event: object = {}) { (this.on[name] as (event: object) => void)(event) }
}

function made(options: Partial<SocketOptions> = {}, host: object = {}, hand: (connection: Connection) => unknown = (connection) => connection) {
  const { client, service, device } = scene(host)
  const connections: Connection[] = []
  const states: SocketState[] = []
  const errors: unknown[] = []
  const messages: unknown[] = []
  const socket = connect(client, {
    host: { connectSocket: ({ url, protocols, header }: { url: string; protocols?: string[]; header?: object }) => {
      const connection = new Connection(url, protocols, header)
      connections.push(connection)
      return hand(connection)
    } },
    url: 'wss://api.example.com/live', random: () => 0.5, ...options,
  })
  socket.onState((state, error) => {
    states.push(state)
    if (error) errors.push(error)
  })
  socket.onMessage((data) => messages.push(data))
  return { client, service, device, connections, states, errors, messages, socket, last: () => connections.at(-1)! }
}

const token = (text: string | undefined) => (JSON.parse(text ?? '{}') as { token?: string }).token

describe('a socket', () => {
  it('logs in, sends the token first, and then what it is given', async () => {
    const { client, connections, last, socket, messages } = made()
    expect(socket.send('too early')).toBe(false)
    await pass(200)
    expect(connections).toHaveLength(1)
    last().tell('open')
    expect(socket.state()).toBe('open')
    expect(socket.send('hello')).toBe(true)
    expect(last().got).toEqual([JSON.stringify({ type: 'auth', token: client.cachedToken() }), 'hello'])
    last().tell('message', { data: 'welcome' })
    expect(messages).toEqual(['welcome'])
    socket.close()
    expect(last().closed).toBe(1000)
    await pass(600000)
    expect(connections).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('renews the token before its end, and sends the new one on the same connection', async () => {
    const { client, service, last, connections, socket } = made({ heartbeat: false })
    await pass(200)
    last().tell('open')
    await pass((14400 - 61) * 1000)
    expect(service.to(REFRESH)).toHaveLength(0)
    await pass(2000)
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(connections).toHaveLength(1)
    expect(last().got.map(token)).toEqual([expect.any(String), client.cachedToken()])
    expect(new Set(last().got).size).toBe(2)
    await pass(14400 * 1000)
    expect(service.to(REFRESH)).toHaveLength(2)
    socket.close()
  })

  it('as a subprotocol: each renewal is a new connection', async () => {
    const { client, last, connections, socket } = made({ authenticate: 'protocol', protocols: ['v1'], header: { 'x-a': '1' } })
    await pass(200)
    expect(last()).toMatchObject({ protocols: ['v1', 'bearer.' + client.cachedToken()], header: { 'x-a': '1' } })
    last().tell('open')
    expect(last().got).toEqual([])
    await outcome(client.refresh(), 1).catch(() => undefined)
    await pass(200)
    expect(connections).toHaveLength(2)
    expect(connections[0]!.closed).toBe(1000)
    expect(last().protocols[1]).toBe('bearer.' + client.cachedToken())
    socket.close()
  })

  it.each(['close', 'error'])('comes back after a loss, told by %s, with growing pauses', async (how) => {
    const { connections, last, states, socket } = made()
    await pass(200)
    const times: number[] = []
    for (let n = 0; n < 8; n++) {
      const began = Date.now()
      const count = connections.length
      last().tell(how, how === 'close' ? { code: 1006 } : { errMsg: 'fail' })
      while (connections.length === count) await pass(250)
      times.push(Math.round((Date.now() - began) / 1000))
    }
    expect(times).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    expect(states.slice(0, 2)).toEqual(['waiting', 'connecting'])
    // A message says that all is well: the next pause is a short one.
    last().tell('open')
    last().tell('message', { data: 'x' })
    const count = connections.length
    last().tell('close', { code: 1001 })
    await pass(1100)
    expect(connections).toHaveLength(count + 1)
    socket.close()
  })

  it.each([4401, 1008])('close code %d is a 401: one renewal, at once', async (code) => {
    const { service, connections, last, errors, socket } = made()
    await pass(200)
    last().tell('open')
    last().tell('close', { code })
    await pass(200)
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(connections).toHaveLength(2)
    last().tell('open')
    last().tell('close', { code })
    await pass(600000)
    expect(connections).toHaveLength(2)
    expect(service.to(REFRESH)).toHaveLength(1)
    expect(errors).toMatchObject([{ code: 'unauthorized' }])
    socket.close()
  })

  it('a heartbeat after silence; none in return is a loss', async () => {
    const { connections, last, socket } = made({ heartbeat: { every: 10000, message: 'ping' } })
    await pass(200)
    last().tell('open')
    await pass(9000)
    last().tell('message', { data: 'x' })
    await pass(9900)
    expect(last().got).toHaveLength(1)
    await pass(200)
    expect(last().got[1]).toBe('ping')
    last().tell('message', { data: 'pong' })
    await pass(10100)
    expect(last().got).toHaveLength(3)
    await pass(10000)
    expect(socket.state()).toBe('waiting')
    expect(connections[0]!.closed).toBe(1000)
    await pass(1100)
    expect(connections).toHaveLength(2)
    socket.close()
  })

  it('a logout closes it, a login opens it, for whoever that is', async () => {
    const { client, device, connections, last, socket } = made()
    await pass(200)
    last().tell('open')
    void client.logout()
    await pass(200)
    expect(socket.state()).toBe('loggedOut')
    expect(last().closed).toBe(4401)
    await pass(60000)
    expect(connections).toHaveLength(1)
    device.user = 'bob'
    void client.login()
    await pass(200)
    expect(connections).toHaveLength(2)
    last().tell('open')
    expect(token(last().got[0])).toBe(client.cachedToken())
    device.user = 'carol'
    void client.login()
    await pass(200)
    expect(connections.length).toBeGreaterThan(2)
    last().tell('open')
    expect(token(last().got[0])).toBe(client.cachedToken())
    socket.close()
  })

  it('without a network it waits; without a way to log in it says so', async () => {
    const { service, connections, socket } = made()
    service.script('/api/v1/auth/login', { kind: 'fail' }, { kind: 'fail' }, { kind: 'fail' })
    await pass(2000)
    expect(socket.state()).toBe('waiting')
    await pass(3000)
    expect(connections).toHaveLength(1)
    socket.close()
    const closed = made()
    closed.service.script('/api/v1/auth/login', problem(403, 'user_disabled'))
    await pass(500)
    expect(closed.socket.state()).toBe('loggedOut')
    expect(closed.errors).toMatchObject([{ code: 'user_disabled' }])
    closed.socket.close()
  })

  it('a host that promises its task (Taro): the listeners are on it before it opens, and one that nobody waits for any more is closed', async () => {
    let late: ((task: unknown) => void) | undefined
    const { client, connections, last, socket, messages } = made({}, {}, (connection) => (connections.length === 2 ? new Promise((resolve) => { late = resolve }) : Promise.resolve(connection)))
    await pass(200)
    last().tell('open')
    expect(socket.state()).toBe('open')
    last().tell('message', { data: 'welcome' })
    expect([last().got, messages]).toEqual([[JSON.stringify({ type: 'auth', token: client.cachedToken() })], ['welcome']])
    last().tell('close', { code: 1006 })
    await pass(1100)
    expect(connections).toHaveLength(2)
    socket.close()
    late!(last())
    await drained()
    expect(last().closed).toBe(1000)
  })

  it('a task that a host promises and never gives, or that it refuses, is a loss', async () => {
    for (const hand of [() => Promise.reject(new Error('five at most')), () => { throw new Error('no such function') }]) {
      const { connections, states, socket } = made({}, {}, hand)
      await pass(3500)
      expect(connections.length).toBe(3)
      expect(states.slice(0, 3)).toEqual(['waiting', 'connecting', 'waiting'])
      socket.close()
    }
  })

  it('a connection that neither opens nor fails is given up after 20 s', async () => {
    const { connections, socket, last } = made({ heartbeat: false })
    await pass(20500)
    expect(connections[0]!.closed).toBe(1000)
    await pass(1000)
    expect(connections).toHaveLength(2)
    last().tell('open')
    await pass(60000)
    expect(connections).toHaveLength(2)
    socket.close()
  })

  it('a token that was renewed while it connected is the one that it sends', async () => {
    const { client, last } = made()
    await pass(120)
    void client.refresh()
    await pass(100)
    last().tell('open')
    expect(last().got.map(token)).toEqual([client.cachedToken()])
  })

  it('what an old connection still tells is nobody\'s', async () => {
    const { connections, last, messages, socket } = made()
    await pass(200)
    last().tell('open')
    last().tell('close', { code: 1006 })
    await pass(1100)
    connections[0]!.tell('message', { data: 'late' })
    connections[0]!.tell('close', { code: 4401 })
    connections[0]!.tell('open')
    await pass(100)
    expect(messages).toEqual([])
    expect(connections).toHaveLength(2)
    socket.close()
  })
})

it("webSockets is the browser's own WebSocket in that shape", async () => {
  const made: { url: string; protocols: string[]; sent: unknown[]; closed?: unknown; onopen?: () => void; onmessage?: (event: object) => void; onclose?: (event: object) => void }[] = []
  vi.stubGlobal('WebSocket', class {
    sent: unknown[] = []
    closed?: unknown
    constructor(readonly url: string, readonly protocols: string[]) { made.push(this) }
    send(data: unknown) { this.sent.push(data) }
    close(code: number) { this.closed = code }
  })
  const task = webSockets.connectSocket({ url: 'wss://x', protocols: ['a'] }) as SocketTask
  const told: unknown[] = []
  task.onOpen(() => told.push('open'))
  task.onMessage((event) => told.push(event.data))
  task.onClose((event) => told.push(event.code))
  task.onError(() => told.push('error'))
  made[0]!.onopen!()
  made[0]!.onmessage!({ data: 'x' })
  made[0]!.onclose!({ code: 4401 })
  task.send({ data: 'y' })
  task.close({ code: 1000 })
  await drained()
  expect(told).toEqual(['open', 'x', 4401])
  expect(made[0]).toMatchObject({ url: 'wss://x', protocols: ['a'], sent: ['y'], closed: 1000 })
})
