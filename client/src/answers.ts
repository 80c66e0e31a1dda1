/** Reading what the service's authentication answers (the service's contract: Tokens, and RFC 9457 problems with a `code`). */
import { AuthError, NetworkError } from './errors'
import type { ClientResponse, Tokens, User } from './types'

/** A body as the host gave it: parsed already, or text (uploads; hosts that look at the content type). */
export function parsed(data: unknown): unknown {
  try {
    return JSON.parse(data as string)
  } catch {
    return data
  }
}

/** Milliseconds that `Retry-After` asks for (RFC 9110 10.2.3: seconds or a date); 0 without one. */
function retryAfter(header: ClientResponse['header'], now: number): number {
  for (const name in header) {
    if (name.toLowerCase() === 'retry-after') {
      const value = String(header[name])
      return Math.max(0, +value * 1000 || Date.parse(value) - now || 0)
    }
  }
  return 0
}

/**
 * The tokens of an answer to login or refresh. Throws an `AuthError` only when the service itself refused (401, or
 * another 4xx with a `code`); all else (429, 5xx, a proxy's page, half a body) may pass, and is a `NetworkError`.
 */
export function readTokens(response: ClientResponse, now: number): Tokens & { user?: User } {
  const status = response.statusCode
  const body = (parsed(response.data) || {}) as Tokens & { user?: User; code?: unknown; detail?: string }
  if (status < 300 && body.accessToken && typeof body.accessToken === 'string') return body
  // A 2xx may hold tokens in some other form: it stays out of the error.
  const detail = { status, retryAfter: retryAfter(response.header, now), response: status < 300 ? undefined : response }
  const code = typeof body.code === 'string' ? body.code : ''
  const message = 'HTTP ' + status + ' ' + (body.detail || code)
  if (status === 401 || (code && status > 399 && status < 500 && status !== 408 && status !== 429)) {
    throw new AuthError(code || 'unauthorized', message, detail)
  }
  throw new NetworkError(code || 'unavailable', message, detail)
}
