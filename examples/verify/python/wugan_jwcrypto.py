import json
import os

from jwcrypto import jwk, jws, jwt
from jwcrypto.common import JWException

from keys import Keys, Refused

ISSUER = os.environ["AUTH_URL"]
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
KEYS = Keys(f"{ISSUER}/.well-known/jwks.json", lambda entry: jwk.JWK(**entry))

# None: it must be there.
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "exp": None, "iat": None, "sub": None, "jti": None, "client_id": None, "sid": None}


def user_of(authorization):
    """The claims of the access token in an Authorization header; raises Refused."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "token_missing")
    try:
        unverified = jws.JWS()
        unverified.deserialize(token.strip())
        algorithm, key = KEYS.get(unverified.jose_header.get("kid"))
        checked = jwt.JWT(algs=[algorithm], check_claims=CLAIMS)  # the key's algorithm, whatever the token says
        checked.leeway = 0  # its default is a minute
        checked.deserialize(token.strip(), key)
        header = json.loads(checked.header)
        claims = json.loads(checked.claims)
    except jwt.JWTExpired:
        raise Refused(401, "token_expired")
    except (JWException, ValueError):
        raise Refused(401, "token_invalid")
    if header.get("typ") != "at+jwt":  # a refresh token is no access token
        raise Refused(401, "token_invalid")
    return claims
