import os

import jwt

from keys import Keys, Refused

ISSUER = os.environ["AUTH_URL"]
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
KEYS = Keys(f"{ISSUER}/.well-known/jwks.json", lambda entry: jwt.PyJWK(entry).key)


def user_of(authorization):
    """The claims of the access token in an Authorization header; raises Refused."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "token_missing")
    try:
        header = jwt.get_unverified_header(token.strip())  # verified below, with the rest
        algorithm, key = KEYS.get(header.get("kid"))
        claims = jwt.decode(
            token.strip(),
            key,
            algorithms=[algorithm],  # the key's, whatever the token says
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "iat", "sub", "jti", "client_id", "sid"]},
        )
    except jwt.ExpiredSignatureError:
        raise Refused(401, "token_expired")
    except jwt.PyJWTError:
        raise Refused(401, "token_invalid")
    if header.get("typ") != "at+jwt":  # a refresh token is no access token
        raise Refused(401, "token_invalid")
    return claims
