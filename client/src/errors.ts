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
  /** What the host or `getCode` said. */
  cause?: unknown
}

/** What all three have in common. No message ever holds a token or a code. */
export class ClientError extends Error {
  readonly status?: number
  readonly response?: ClientResponse
  readonly retryAfter?: number
  readonly cause?: unknown

  constructor(
    override readonly name: string,
    /** A word for programs: the service's own code, or one of those that this package's documentation lists. */
    readonly code: string,
    message: string,
    /** Whether the same call may succeed later without anybody doing anything. */
    readonly retryable: boolean,
    detail?: ErrorDetail,
  ) {
    super(message)
    Object.assign(this, detail)
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
    super('CancelError', 'aborted', 'aborted', false)
  }
}
