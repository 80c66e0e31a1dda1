// A shop behind the gateway inside wugan. It has no code about tokens: wugan checks
// them and says in headers who asks. It asks wugan for the openid that WeChat Pay
// wants, and is told by a webhook when a person leaves.
//
//   ADDR            host:port to listen on
//   AUTH_URL        address of wugan
//   SERVICE_KEY     a key of wugan's WUGAN_API_KEYS with the scope service
//   WEBHOOK_SECRET  wugan's WUGAN_WEBHOOK_SECRET
//   ORDERS          file in which orders are kept
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

const { ADDR, AUTH_URL, SERVICE_KEY, WEBHOOK_SECRET, ORDERS, MCHID = '1900000001' } = process.env
const webhook = new Webhook(WEBHOOK_SECRET)

let orders = []
try {
  orders = JSON.parse(readFileSync(ORDERS, 'utf8'))
} catch (error) {
  if (error.code !== 'ENOENT') throw error
}

// One write after the other; each is on the disk, whole, before it counts.
let writing = Promise.resolve()
function keep(change) {
  writing = writing.catch(() => {}).then(async () => {
    const next = change(orders)
    const file = await open(ORDERS + '.new', 'w', 0o600)
    await file.writeFile(JSON.stringify(next))
    await file.sync()
    await file.close()
    await rename(ORDERS + '.new', ORDERS)
    orders = next
  })
  return writing
}

class Refused extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

async function openidOf(userId, appId) {
  const response = await fetch(`${AUTH_URL}/api/v1/service/users/${encodeURIComponent(userId)}`, {
    headers: { authorization: `Bearer ${SERVICE_KEY}` }, signal: AbortSignal.timeout(5000),
  })
  if (!response.ok) throw new Refused(503, `wugan answered ${response.status}`)
  const { identities } = await response.json()
  const identity = identities.find((one) => one.appId === appId)
  if (!identity) throw new Refused(409, 'the person has no openid in this app')
  return identity.openid
}

// The body of WeChat Pay's POST /v3/pay/transactions/jsapi. What is left is to sign it
// with the merchant's key and to send it.
async function takeOrder(userId, appId) {
  const payment = {
    appid: appId, mchid: MCHID, description: '龙井茶 250g', out_trade_no: randomUUID().replaceAll('-', ''),
    notify_url: 'https://shop.example.com/pay/notify', amount: { total: 12800, currency: 'CNY' },
    payer: { openid: await openidOf(userId, appId) },
  }
  await keep((all) => [...all, { userId, payment }])
  return payment
}

// Who leaves leaves no user id and no openid behind. To do it twice is no error, for a
// webhook may come twice.
const forget = (userId) => keep((all) => all.map((order) => order.userId !== userId ? order
  : { userId: null, payment: { ...order.payment, payer: null } }))

async function bodyOf(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

async function answer(request) {
  const route = `${request.method} ${request.url}`
  if (route === 'GET /healthz') return [200, {}]
  if (route === 'POST /hooks/wugan') {
    const event = webhook.verify(await bodyOf(request), request.headers) // the text as it came
    if (event.type === 'user_deleted') await forget(event.data.userId)
    return [204] // only now: what is not answered comes again
  }
  const userId = request.headers['x-user-id']
  if (!userId) throw new Refused(401, 'this port is for wugan alone')
  if (route === 'POST /shop/orders') return [201, await takeOrder(userId, request.headers['x-app-id'])]
  if (route === 'GET /shop/orders') return [200, orders.filter((order) => order.userId === userId)]
  throw new Refused(404, 'no such path')
}

const [host, port] = ADDR.split(':')
createServer(async (request, response) => {
  let [status, body] = await answer(request).catch((error) => {
    if (error instanceof WebhookVerificationError) return [400, { error: 'the signature does not fit' }]
    if (error instanceof Refused) return [error.status, { error: error.message }]
    console.error(error)
    return [500, { error: 'internal' }]
  })
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(status === 204 ? undefined : JSON.stringify(body))
}).listen(Number(port), host)
