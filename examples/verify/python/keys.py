import json
import threading
import time
import urllib.request


class Refused(Exception):
    """What to answer when a token is not accepted."""

    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Keys:
    """The keys that wugan publishes, by kid.

    They are fetched every five minutes, and for an unknown kid at most once a
    minute. While the address is down the last ones stay in use.
    """

    def __init__(self, url, parse):
        self.url, self.parse = url, parse
        self.keys, self.failed, self.tried = {}, False, float("-inf")
        self.lock = threading.Lock()

    def get(self, kid):
        with self.lock:
            age = time.monotonic() - self.tried
            if age > 300 or (kid not in self.keys and age > (60 if self.keys else 1)):
                self.fetch()
            if kid in self.keys:
                return self.keys[kid]
            # A key that could not be fetched is no reason to log anybody out.
            raise Refused(503, "keys_unavailable") if self.failed else Refused(401, "token_invalid")

    def fetch(self):
        self.tried = time.monotonic()
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                entries = json.loads(answer.read(128 * 1024))["keys"]
            # kty oct would be a secret that is public.
            self.keys = {entry["kid"]: (entry["alg"], self.parse(entry)) for entry in entries if entry["kty"] != "oct"}
            self.failed = False
        except (OSError, ValueError, KeyError, TypeError):
            self.failed = True
