// The real client, talking to a business service through a gateway that knows
// nothing of it: node client.mjs http://GATEWAY
// It prints what the requests were answered and which calls it took.
import { createClient, fetchHost } from '../../client/dist/index.mjs'

const baseURL = process.argv[2]
const kept = new Map()
const storage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, value),
  removeItem: (key) => void kept.delete(key),
}
let calls = []
let login // as the client asked
const counted = async (url, init) => {
  if (new URL(url).pathname === '/api/v1/auth/login') login = init
  const answer = await fetch(url, init)
  calls.push(`${new URL(url).pathname} ${answer.status}`)
  return answer
}
const start = () =>
  createClient({ host: fetchHost({ fetch: counted, storage }), baseURL, getCode: () => 'dev:alice' })
const five = async (client) => {
  calls = []
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => client.get('/shop/orders')))
  const count = {}
  for (const call of calls) count[call] = (count[call] ?? 0) + 1
  return { statuses: answers.map((a) => a.statusCode), count }
}
const report = {}

report.coldStart = await five(start())

// An access token that the gateway refuses, as an expired one or one of keys
// that are gone: its signature is spoilt where it is kept.
const token = await start().getAccessToken()
const at = token.lastIndexOf('.') + 3
const spoilt = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
for (const [key, value] of kept) kept.set(key, value.split(token).join(spoilt))
report.refused = await five(start())

// The same device logs in once more, beside the client: that ends its session. A
// gateway that follows the feed needs a moment.
const client = start()
const ended = await client.getAccessToken()
const headers = { Authorization: `Bearer ${ended}` }
await fetch(process.argv[3] + '/api/v1/auth/login', login)
for (let i = 0; i < 100; i++) {
  if ((await fetch(baseURL + '/shop/orders', { headers })).status === 401) break
  await new Promise((done) => setTimeout(done, 50))
}
report.ended = await five(client)

console.log(JSON.stringify(report))
