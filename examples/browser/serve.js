// Serves this folder, and passes /api on to the service (and /connect, where `wugan dev` has its mock of WeChat's authorize
// page) and /shop on to the shop (examples/shop), so that all share an origin. PORT (5173), SERVICE (http://127.0.0.1:8080) and SHOP (http://127.0.0.1:8081) may be set.
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

const { PORT = '5173', SERVICE = 'http://127.0.0.1:8080', SHOP = 'http://127.0.0.1:8081' } = process.env
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript' }
/** All that is served: the page, its script, and the package as it is installed. */
const FILES = /^\/(index\.html|main\.js|node_modules\/@wugan\/client\/dist\/\w+\.mjs)$/
/** Where an address leads to. */
const target = (url) => (/^\/(api|connect)\//.test(url) ? SERVICE + url : url.startsWith('/shop/') ? SHOP + url.slice('/shop'.length) : undefined)

createServer(async (incoming, outgoing) => {
  const to = target(incoming.url)
  if (to) {
    const passed = request(to, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(passed)
    return
  }
  const { pathname } = new URL(incoming.url, 'http://localhost')
  const path = pathname === '/' ? '/index.html' : pathname
  if (!FILES.test(path)) {
    outgoing.writeHead(404).end()
    return
  }
  const body = await readFile(fileURLToPath(new URL('.' + path, import.meta.url)))
  outgoing.writeHead(200, { 'content-type': TYPES[extname(path)] }).end(body)
}).on('upgrade', (incoming, socket) => {
  // A WebSocket: the two ends are joined once the shop has agreed.
  const passed = request(target(incoming.url) ?? SHOP, { headers: incoming.headers })
  passed.on('upgrade', (answer, far) => {
    const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`)
    socket.write(['HTTP/1.1 101 Switching Protocols', ...headers, '', ''].join('\r\n'))
    far.pipe(socket)
    socket.pipe(far)
    for (const [one, other] of [[far, socket], [socket, far]]) one.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  passed.on('response', () => socket.destroy())
  passed.on('error', () => socket.destroy())
  passed.end()
}).listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/`))
