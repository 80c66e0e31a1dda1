// Serves this folder, and passes /api on to the service, so that page and service share an origin.
// PORT (5173) and SERVICE (http://127.0.0.1:8080) may be set.
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

const { PORT = '5173', SERVICE = 'http://127.0.0.1:8080' } = process.env
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript' }
/** All that is served: the page, its script, and the package as it is installed. */
const FILES = ['/index.html', '/main.js', '/node_modules/@wugan/client/dist/index.mjs']

createServer(async (incoming, outgoing) => {
  if (incoming.url.startsWith('/api/')) {
    const passed = request(SERVICE + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(passed)
    return
  }
  const path = incoming.url === '/' ? '/index.html' : incoming.url
  if (!FILES.includes(path)) {
    outgoing.writeHead(404).end()
    return
  }
  const body = await readFile(fileURLToPath(new URL('.' + path, import.meta.url)))
  outgoing.writeHead(200, { 'content-type': TYPES[extname(path)] }).end(body)
}).listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/`))
