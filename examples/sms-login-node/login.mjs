// Logs people in by a text-message code, behind wugan's provider "custom". The page
// asks this program for a text message, and then logs in to wugan with the code
// "PHONE:DIGITS". wugan asks this program whose code that is.
//
//   ADDR          host:port to listen on
//   LOGIN_SECRET  the app's secret in wugan's file of apps: whsec_…
//   SUBJECT_KEY   32 random characters or more: makes a person's id out of the number
//   SMS_URL       the sender of text messages: POST {"phone", "text"}
//   PAUSE         seconds between two messages to one number, 60 where it is not set
//
// Codes are in memory, so one process serves all. With several, keep them in Redis:
// everything that a code has stands in one object, and taking it is one step.
import { createHmac, randomInt, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const { ADDR, LOGIN_SECRET, SUBJECT_KEY, SMS_URL, PAUSE = '60' } = process.env
for (const name of ['ADDR', 'LOGIN_SECRET', 'SUBJECT_KEY', 'SMS_URL']) {
  if (!process.env[name]) throw new Error(`${name} is not set`)
}
const secret = Buffer.from(LOGIN_SECRET.replace(/^whsec_/, ''), 'base64')

const life = 5 * 60_000
const tries = 5
const perDay = 10
const codes = new Map() // by number: {digits, expires, tries, used}
const sent = new Map() // by number: times of the messages of a day

class Refused extends Error {
  constructor(status, code) {
    super(code)
    Object.assign(this, { status, code })
  }
}

setInterval(() => {
  const now = Date.now()
  for (const [phone, code] of codes) if (code.expires < now) codes.delete(phone)
  for (const [phone, times] of sent) if (times.at(-1) < now - 86_400_000) sent.delete(phone)
}, 60_000).unref()

// POST /sms {"phone": "13800001111"}: sends a code. In production, put a captcha in
// front: each message costs money.
async function sendCode({ phone }) {
  if (!/^1[3-9]\d{9}$/.test(phone ?? '')) throw new Refused(400, 'invalid_phone')
  const now = Date.now()
  const times = (sent.get(phone) ?? []).filter((at) => at > now - 86_400_000)
  if (times.length >= perDay || times.at(-1) > now - Number(PAUSE) * 1000) throw new Refused(429, 'too_many_messages')
  sent.set(phone, [...times, now]) // before the message, so that two requests at once send one
  const digits = String(randomInt(1_000_000)).padStart(6, '0')
  const response = await fetch(SMS_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ phone, text: `您的验证码是 ${digits}，5 分钟内有效。` }),
    signal: AbortSignal.timeout(5000),
  }).catch(() => ({ ok: false }))
  if (!response.ok) {
    sent.set(phone, times)
    throw new Refused(503, 'sms_unavailable')
  }
  codes.set(phone, { digits, expires: now + life, tries: 0, used: false })
}

// POST /login {"appId", "code"}, from wugan alone. It calls once for each code.
function whose({ code: text }) {
  const [phone, digits] = String(text).split(':')
  const code = codes.get(phone)
  if (!code || code.expires < Date.now() || code.tries >= tries) throw new Refused(400, 'invalid_code')
  if (!equal(code.digits, digits ?? '')) {
    code.tries++
    throw new Refused(400, 'invalid_code')
  }
  if (code.used) throw new Refused(400, 'code_used')
  code.used = true
  return {
    subject: createHmac('sha256', SUBJECT_KEY).update(phone).digest('hex'),
    phone: '+86' + phone,
  }
}

// checkSignature follows Standard Webhooks: base64 of HMAC-SHA256 over
// "id.timestamp.body", and five minutes of age at most. The npm package
// standardwebhooks does the same.
function checkSignature(headers, body) {
  const id = headers['webhook-id'] ?? ''
  const timestamp = headers['webhook-timestamp'] ?? ''
  const want = 'v1,' + createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest('base64')
  const fits = (headers['webhook-signature'] ?? '').split(' ').some((one) => equal(one, want))
  if (!fits || !(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) throw new Refused(401, 'signature_invalid')
}

function equal(a, b) {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

async function read(request) {
  const parts = []
  let size = 0
  for await (const part of request) {
    if ((size += part.length) > 4096) throw new Refused(413, 'body_too_large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function parse(body) {
  try {
    const value = JSON.parse(body.toString('utf8'))
    if (value && typeof value === 'object') return value
  } catch {
    // refused below
  }
  throw new Refused(400, 'invalid_request')
}

const server = createServer(async (request, response) => {
  const reply = (status, value) => {
    const type = status < 400 ? 'application/json' : 'application/problem+json'
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(value === undefined ? undefined : JSON.stringify(value))
  }
  try {
    const body = await read(request)
    switch (`${request.method} ${request.url}`) {
      case 'POST /sms':
        await sendCode(parse(body))
        return reply(204)
      case 'POST /login':
        checkSignature(request.headers, body)
        return reply(200, whose(parse(body)))
      default:
        throw new Refused(404, 'not_found')
    }
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error)
    const status = error.status ?? 500
    reply(status, { title: error.code ?? 'internal', status, code: error.code ?? 'internal' })
  }
})

const [host, port] = ADDR.split(/:(?=\d+$)/)
server.listen(Number(port), host)
process.on('SIGINT', () => { server.closeAllConnections(); server.close() })
process.on('SIGTERM', () => { server.closeAllConnections(); server.close() })
