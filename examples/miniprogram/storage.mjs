// The part of your own storage that the profile page needs: it keeps uploaded avatars in a folder and says under which
// address everyone finds them. It stands behind the gateway inside wugan, which checks tokens; its port is for wugan alone.
//
//   node examples/miniprogram/storage.mjs
//   WUGAN_UPSTREAMS=/storage/=http://127.0.0.1:8090 WUGAN_PUBLIC_PATHS=/storage/files/ go run ./cmd/wugan dev
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { ADDR = '127.0.0.1:8090', PUBLIC_URL = 'http://127.0.0.1:8080', FOLDER = mkdtempSync(join(tmpdir(), 'avatars-')) } = process.env
const MOST = 2 << 20
const TYPES = { png: 'image/png', jpg: 'image/jpeg', webp: 'image/webp' }

/** What the bytes are, whatever the sender says. */
function kindOf(bytes) {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'png'
  if (bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))) return 'jpg'
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') return 'webp'
}

async function keep(request) {
  if (!request.headers['x-user-id']) return [401]
  const parts = []
  let size = 0
  for await (const part of request) {
    if ((size += part.length) > MOST) return [413]
    parts.push(part)
  }
  const form = await new Response(Buffer.concat(parts), { headers: { 'content-type': request.headers['content-type'] } }).formData().catch(() => undefined)
  const file = form?.get('file')
  if (!(file instanceof Blob)) return [400]
  const bytes = Buffer.from(await file.arrayBuffer())
  const kind = kindOf(bytes)
  if (!kind) return [415]
  const name = `${randomUUID()}.${kind}`
  await writeFile(join(FOLDER, name), bytes)
  return [200, JSON.stringify({ url: `${PUBLIC_URL}/storage/files/${name}` }), 'application/json']
}

async function find(path) {
  const [, name, kind] = /^\/storage\/files\/([0-9a-f-]{36}\.(png|jpg|webp))$/.exec(path) ?? []
  const bytes = name && (await readFile(join(FOLDER, name)).catch(() => undefined))
  return bytes ? [200, bytes, TYPES[kind]] : [404]
}

const server = createServer((request, response) => {
  const answer = request.method === 'POST' && request.url === '/storage/avatars' ? keep(request) : request.method === 'GET' ? find(request.url) : Promise.resolve([405])
  answer
    .catch((error) => (console.error(error), [500]))
    .then(([status, body, type = 'text/plain']) => response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body))
})
const [, host, port] = /^(.*):(\d+)$/.exec(ADDR)
server.listen(Number(port), host)
