import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const issuer = process.env.AUTH_URL
const audience = process.env.AUDIENCE ?? issuer

// Fetched when needed: after ten minutes, and for an unknown kid at most once a minute.
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cooldownDuration: 60_000 })

/** What to answer when a token is not accepted. */
export class Refused extends Error {
  constructor(status, code) {
    super(code)
    Object.assign(this, { status, code })
  }
}

/** The claims of the access token in an Authorization header; throws Refused. */
export async function userOf(authorization) {
  const [, token] = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '') ?? []
  if (!token) throw new Refused(401, 'token_missing')
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      typ: 'at+jwt', // a refresh token is no access token
      algorithms: ['ES256', 'EdDSA', 'RS256'],
      requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id', 'sid'],
    })
    return payload
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new Refused(401, 'token_expired')
    // The keys cannot be had. That is no reason to log anybody out.
    const outage = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout ||
      error instanceof errors.JWKSInvalid || error.code === 'ERR_JOSE_GENERIC'
    throw outage ? new Refused(503, 'keys_unavailable') : new Refused(401, 'token_invalid')
  }
}
