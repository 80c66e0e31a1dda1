/**
 * `@wugan/client/socket`: a WebSocket that stays connected and logged in. It owns the connection; what is sent over it
 * is the caller's.
 */
import type { AuthEvent, Client } from './index'

/** A connection in the shape of `wx.connectSocket`'s task. */
export interface SocketTask {
  send: (options: { data: string | ArrayBuffer }) => void
  close: (options: { code?: number; reason?: string }) => void
  onOpen: (listener: () => void) => void
  onMessage: (listener: (event: { data: string | ArrayBuffer }) => void) => void
  onClose: (listener: (event: { code?: number; reason?: string }) => void) => void
  onError: (listener: (event: { errMsg?: string }) => void) => void
}

/** `wx`, `uni`, `Taro`, or `webSockets` in browsers. `connectSocket` may return its task, or promise it as Taro does. */
export interface SocketHost {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- three typings packages describe this differently
  connectSocket: (options: any) => any
}

export interface SocketOptions {
  host: SocketHost
  /** `wss://…`. */
  url: string
  protocols?: string[]
  header?: Record<string, string>
  /**
   * How the server gets the token: in the first message, made by this function, and again in another when it was
   * renewed; or as a subprotocol (`'protocol'`: `bearer.` and the token), for which each renewal is a new connection.
   * @default (token) => JSON.stringify({ type: 'auth', token })
   */
  authenticate?: 'protocol' | ((token: string) => string)
  /**
   * A message that is sent after so many milliseconds of silence; when nothing at all arrives for as long again, the
   * connection is made again.
   * @default { every: 30000, message: 'ping' }
   */
  heartbeat?: { every: number; message: string } | false
  /** Milliseconds until the first attempt after a loss; they double to `longest`. @default 1000 */
  pause?: number
  /** @default 60000 */
  longest?: number
  /** @default Math.random */
  random?: () => number
}

export type SocketState = 'connecting' | 'open' | 'waiting' | 'loggedOut' | 'closed'

export interface Socket {
  state: () => SocketState
  /** Sends, or reports false: the connection is not open. */
  send: (data: string | ArrayBuffer) => boolean
  onMessage: (listener: (data: string | ArrayBuffer) => void) => () => void
  /** Each change of state; with `error` when there is no way to connect. */
  onState: (listener: (state: SocketState, error?: unknown) => void) => () => void
  /** Closes for good. */
  close: () => void
}

/** The server does not take the token: 4401 by convention, 1008 (policy violation) by RFC 6455. */
const REFUSED = [4401, 1008]

/** How long a connection may take to open, in milliseconds. */
const CONNECT_LIMIT = 20000

/** Connects, and stays connected until `close()`. While there is no session, it waits for a login. */
export function connect(client: Client, options: SocketOptions): Socket {
  const { host, url, header, pause = 1000, longest = 60000, random = Math.random } = options
  const authenticate = options.authenticate ?? ((token: string) => JSON.stringify({ type: 'auth', token }))
  const heartbeat = options.heartbeat === false ? undefined : (options.heartbeat ?? { every: 30000, message: 'ping' })
  const messages = new Set<(data: string | ArrayBuffer) => void>()
  const states = new Set<(state: SocketState, error?: unknown) => void>()
  let state: SocketState = 'connecting'
  let task: SocketTask | undefined
  /** Grows with each connection that is begun or let go of. */
  let round = 0
  let token = ''
  let losses = 0
  let refusals = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let beat: ReturnType<typeof setTimeout> | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined

  const become = (next: SocketState, error?: unknown): void => {
    if (state === next && !error) return
    state = next
    states.forEach((tell) => {
      tell(next, error)
    })
  }
  /** Drops the connection and ignores what still arrives on it. */
  const drop = (code = 1000): void => {
    const old = task
    round++
    task = undefined
    clearTimeout(retry)
    clearTimeout(beat)
    clearTimeout(renewal)
    try {
      old?.close({ code })
    } catch {
      // It was closed already.
    }
  }
  const later = (): void => {
    drop()
    become('waiting')
    retry = setTimeout(open, Math.min(pause * 2 ** losses++, longest) * (0.75 + random() / 2))
  }
  const refused = (error: unknown): void => {
    if (state === 'closed') return
    if ((error as { retryable?: boolean }).retryable) {
      later()
      return
    }
    drop()
    become('loggedOut', error)
  }
  /** Something arrived, or was sent: the next heartbeat counts from here. */
  const alive = (): void => {
    clearTimeout(beat)
    if (!heartbeat) return
    beat = setTimeout(() => {
      send(heartbeat.message)
      beat = setTimeout(later, heartbeat.every)
    }, heartbeat.every)
  }
  /** Renews the token before it ends. Timers of more than a day sleep with the app: the client looks again on its own. */
  const renewInTime = (): void => {
    const { expiresAt = NaN, receivedAt = NaN } = client.getSession()
    const life = expiresAt - receivedAt
    const left = expiresAt - Date.now() - Math.min(60000, life / 10)
    clearTimeout(renewal)
    if (left > 0) {
      renewal = setTimeout(() => {
        client.refresh(token).catch((error: unknown) => {
          // A renewal that fails is the server's to notice; until then the connection is good.
          if (!(error as { retryable?: boolean }).retryable) refused(error)
        })
      }, Math.min(left, 86400000))
    }
  }

  function open(): void {
    drop()
    become('connecting')
    const mine = round
    const isCurrent = (): boolean => round === mine
    const lost = ({ code = 1006 }: { code?: number }): void => {
      if (!isCurrent()) return
      if (REFUSED.indexOf(code) < 0) {
        later()
        return
      }
      drop()
      become('connecting')
      // As a 401: once a new token, and then it is about something else.
      if (refusals++) refused(Object.assign(new Error('the server refuses the token'), { code: 'unauthorized' }))
      else client.refresh(token).then(open, refused)
    }
    const fail = (): void => { lost({}) }

    client.getAccessToken().then((held) => {
      if (!isCurrent()) return
      token = held
      beat = setTimeout(later, CONNECT_LIMIT)
      const protocols = (options.protocols ?? []).concat(authenticate === 'protocol' ? 'bearer.' + token : [])
      // Taro promises its task; the others hand it out.
      new Promise<SocketTask>((resolve) => {
        resolve(host.connectSocket({ url, header, ...(protocols.length > 0 ? { protocols } : {}), success: () => undefined, fail }) as SocketTask)
      }).then((connected) => {
        if (!isCurrent()) {
          connected.close({ code: 1000 })
          return
        }
        task = connected
        connected.onOpen(() => {
          if (!isCurrent()) return
          if (authenticate !== 'protocol') {
            // It may have been renewed while the connection was made.
            token = client.cachedToken() || token
            connected.send({ data: authenticate(token) })
          }
          become('open')
          alive()
          renewInTime()
        })
        connected.onMessage(({ data }) => {
          if (!isCurrent()) return
          losses = refusals = 0
          alive()
          messages.forEach((tell) => {
            tell(data)
          })
        })
        connected.onClose(lost)
        // Some hosts say that a connection failed, and never that it closed.
        connected.onError(fail)
      }).catch(fail)
    }).catch((error: unknown) => {
      if (isCurrent()) refused(error)
    })
  }

  function send(data: string | ArrayBuffer): boolean {
    if (!task || state !== 'open') return false
    task.send({ data })
    return true
  }

  const unlisten = client.onAuthStateChange(({ type }: AuthEvent) => {
    if (state === 'closed') return
    if (type === 'loggedOut') {
      drop(4401)
      become('loggedOut')
    } else if (type === 'userChanged' || (type === 'loggedIn' && (state === 'loggedOut' || state === 'waiting'))) {
      losses = refusals = 0
      open()
    } else if ((type === 'refreshed' || type === 'loggedIn') && state === 'open' && client.cachedToken() !== token) {
      if (authenticate === 'protocol') open()
      else {
        token = client.cachedToken()
        send(authenticate(token))
        renewInTime()
      }
    }
  })
  open()

  const added = <T>(set: Set<T>, listener: T) => {
    set.add(listener)
    return () => { set.delete(listener) }
  }
  return {
    state: () => state,
    send,
    onMessage: (listener) => added(messages, listener),
    onState: (listener) => added(states, listener),
    close: () => {
      unlisten()
      drop()
      become('closed')
    },
  }
}

/** The browser's own WebSocket (and Node's) in that shape. */
export const webSockets: SocketHost = {
  connectSocket({ url, protocols = [] }: { url: string; protocols?: string[] }): SocketTask {
    const socket = new WebSocket(url, protocols)
    socket.binaryType = 'arraybuffer'
    return {
      send: ({ data }) => { socket.send(data) },
      close: ({ code, reason }) => { socket.close(code, reason) },
      onOpen: (listener) => { socket.onopen = listener },
      onMessage: (listener) => { socket.onmessage = listener },
      onClose: (listener) => { socket.onclose = listener },
      // A page is told of the close as well, with its code.
      onError: () => undefined,
    }
  },
}
