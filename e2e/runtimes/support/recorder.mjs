/**
 * A reverse proxy that remembers what went through it: the tests count calls here, on the wire, and not in the
 * program that they judge. It changes nothing, and drops the connection where there is nobody to ask.
 */
import { createServer, request } from 'node:http'
import { connect } from 'node:net'

/** Starts one in front of `target` (`http://127.0.0.1:PORT`). */
export async function startRecorder(target) {
  let calls = []
  let running = 0
  let most = 0
  /** The access token of the last request that was let in. */
  let token = ''
  /** What the last login sent. */
  let login = ''

  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming
    const call = { method, path: url.split('?')[0], status: 0 }
    // A preflight request is the browser's, not the client's.
    if (method !== 'OPTIONS') calls.push(call)
    most = Math.max(most, ++running)
    outgoing.on('close', () => { running-- })
    const passed = request(target + url, { method, headers, agent: false }, (answer) => {
      call.status = answer.statusCode
      if (answer.statusCode < 300 && headers.authorization) token = headers.authorization.replace(/^Bearer /, '')
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => incoming.socket.destroy())
    if (call.path.endsWith('/auth/login')) {
      let body = ''
      incoming.on('data', (part) => { body += part })
      incoming.on('end', () => { login = body })
    }
    incoming.pipe(passed)
  })
  /** WebSockets, from end to end. */
  const sockets = new Set()
  server.on('upgrade', ({ method, url, rawHeaders }, socket, head) => {
    const call = { method, path: url.split('?')[0], status: 0 }
    calls.push(call)
    const { hostname, port } = new URL(target)
    const passed = connect(Number(port), hostname, () => {
      const lines = rawHeaders.flatMap((name, n) => (n % 2 ? [] : [`${name}: ${rawHeaders[n + 1]}`]))
      passed.write([`${method} ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      passed.write(head)
      passed.pipe(socket)
      socket.pipe(passed)
    })
    passed.once('data', (text) => { call.status = Number(String(text).split(' ')[1]) })
    sockets.add(socket)
    const end = () => {
      sockets.delete(socket)
      socket.destroy()
      passed.destroy()
    }
    for (const one of [socket, passed]) one.on('error', end).on('close', end)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    target,
    /** Forgets what was recorded so far. */
    clear() {
      calls = []
      most = running
    },
    calls: () => calls,
    /** How many calls of this path (a text or a pattern) there were; with this status, when one is given. */
    count: (path, status) =>
      calls.filter((call) => (path instanceof RegExp ? path.test(call.path) : call.path === path) && (!status || call.status === status)).length,
    /** How many WebSockets are open. */
    open: () => sockets.size,
    /** Drops them, as a network does. */
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    mostAtOnce: () => most,
    token: () => token,
    login: () => login,
    close: () => new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
      for (const socket of sockets) socket.destroy()
    }),
  }
}
