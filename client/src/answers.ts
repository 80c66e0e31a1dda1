/** Reading what the service answers (the service's contract: Tokens, and RFC 9457 problems with a `code`). */
import { AuthError, type ClientError, NetworkError } from './errors'
import type { ClientResponse, Problem, Tokens, User } from './types'

/** Tokens as login and refresh answer them, and when the call that brought them was sent. */
export interface Grant extends Tokens {
  user?: User
  at: number
}

/** A body as the host gave it: parsed already, or text (uploads; hosts that look at the content type). */
export function parsed(data: unknown): unknown {
  try {
    return JSON.parse(data as string)
  } catch {
    return data
  }
}

/** Reports whether the service did what it was asked. */
export function isOk({ statusCode }: { statusCode: number }): boolean {
  return statusCode > 199 && statusCode < 300
}

/** Milliseconds that `Retry-After` asks for (RFC 9110 10.2.3: seconds or a date); 0 without one. */
function retryAfter(header: ClientResponse['header'] = {}, now: number): number {
  const value = (header['retry-after'] || header['Retry-After']) as string
  return Math.max(0, +value * 1000 || Date.parse(value) - now || 0)
}

/**
 * The error for an answer that is not what was asked for. An `AuthError` only when the service itself refused (401, or
 * another 4xx with a `code`); all else (429, 5xx, a proxy's page, half a body) may pass, and is a `NetworkError`.
 */
export function refusal(response: ClientResponse, now: number): ClientError {
  const status = response.statusCode
  const body = (parsed(response.data) || {}) as Problem
  // A 2xx may hold tokens in some other form: it stays out of the error.
  const detail = { status, retryAfter: retryAfter(response.header, now), response: isOk(response) ? undefined : response, reason: body.reason }
  const code = typeof body.code === 'string' ? body.code : ''
  const message = 'HTTP ' + status + ' ' + (body.detail || code)
  return status === 401 || (code && status > 399 && status < 500 && status !== 408 && status !== 429)
    ? new AuthError(code || 'unauthorized', message, detail)
    : new NetworkError(code || 'unavailable', message, detail)
}

/** The tokens of an answer to login or refresh; throws the error of one that holds none. */
export function readTokens(response: ClientResponse, sentAt: number, now: number): Grant {
  const body = parsed(response.data) as Grant | undefined
  if (isOk(response) && body && body.accessToken && typeof body.accessToken === 'string') return Object.assign({}, body, { at: sentAt })
  throw refusal(response, now)
}
