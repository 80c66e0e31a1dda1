// A business service around wugan.mjs. ADDR is host:port.
import { createServer } from 'node:http'
import { Refused, userOf } from './wugan.mjs'

const [host, port] = process.env.ADDR.split(':')
createServer(async (request, response) => {
  const answer = (status, body, headers) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
  if (request.url === '/healthz') return answer(200, {})
  try {
    const user = await userOf(request.headers.authorization)
    answer(200, { userId: user.sub })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    answer(error.status, { code: error.code }, error.status === 401
      ? { 'WWW-Authenticate': error.code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"' }
      : { 'Retry-After': '5' })
  }
}).listen(Number(port), host)
