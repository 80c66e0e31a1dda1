"""A business service around one of the modules: service.py wugan_pyjwt|wugan_jwcrypto. ADDR is host:port."""

import importlib
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

wugan = importlib.import_module(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, {})
        try:
            user = wugan.user_of(self.headers.get("Authorization"))
        except wugan.Refused as refused:
            challenge = "Bearer" if refused.code == "token_missing" else 'Bearer error="invalid_token"'
            headers = {"WWW-Authenticate": challenge} if refused.status == 401 else {"Retry-After": "5"}
            return self.answer(refused.status, {"code": refused.code}, headers)
        return self.answer(200, {"userId": user["sub"]})

    def answer(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


host, port = os.environ["ADDR"].split(":")
ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
