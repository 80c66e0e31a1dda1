/** The errors a client rejects with. Beside `instanceof`, `error.name` tells them apart where classes are down-levelled to ES5. */
import type { ClientResponse } from './types'

/** What may be known beside name, code and message. */
export interface ErrorDetail {
  /** HTTP status of the answer that led to this. */
  status?: number
  /** The answer itself. */
  response?: ClientResponse
  /** Milliseconds that the service asked to wait. */
  retryAfter?: number
  /** Why the service ended the session: `signed_out`, `operator`, `evicted` and so on. */
  reason?: string
  /** What the host or `getCode` said. */
  cause?: unknown
}

/** What all three have in common. No message ever holds a token or a code. */
export class ClientError extends Error {
  /** A word for programs: the service's own code, or one of those that this package's documentation lists. */
  readonly code!: string
  /** Whether the same call may succeed later without anybody doing anything. */
  readonly retryable!: boolean
  readonly status?: number
  readonly response?: ClientResponse
  readonly retryAfter?: number
  readonly reason?: string
  readonly cause?: unknown

  constructor(name: string, code: string, message: string, retryable: boolean, detail?: ErrorDetail) {
    super(message || code)
    Object.assign(this, { name, code, retryable }, detail)
  }
}

/** Who is asking is the problem: not logged in, refused, or another user by now. */
export class AuthError extends ClientError {
  constructor(code: string, message: string, detail?: ErrorDetail) {
    super('AuthError', code, message, false, detail)
  }
}

/** The service could not be reached or is overloaded. The session is kept. */
export class NetworkError extends ClientError {
  constructor(code: string, message: string, detail?: ErrorDetail) {
    super('NetworkError', code, message, true, detail)
  }
}

/** The caller gave the request up. */
export class CancelError extends ClientError {
  constructor() {
    super('CancelError', 'aborted', '', false)
  }
}
