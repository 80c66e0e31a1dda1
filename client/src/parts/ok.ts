/** What a call to the service itself was for, or the error that its refusal is. */
import { type Answer, AuthError, NetworkError, type Problem } from '../index'

/** Resolves with the body of a 2xx; rejects with an `AuthError` or, for what may pass, a `NetworkError`. */
export function wanted<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.data
  const { code, detail, reason } = Object(answer.data) as Problem
  const status = answer.statusCode
  const message = 'HTTP ' + String(status) + ' ' + (detail || code || '')
  const known = { status, reason, response: answer }
  throw status < 500 && status !== 408 && status !== 429 ? new AuthError(code || 'refused', message, known) : new NetworkError(code || 'unavailable', message, known)
}
