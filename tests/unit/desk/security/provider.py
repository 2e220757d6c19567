"""An OIDC provider for tests, a process of its own on loopback: `python -m tests.unit.desk.security.provider`.

It signs real tokens. POST /mode says how it misbehaves from then on; what is not said is right.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import socket
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "desk", "a secret: with & signs"
RIGHT: dict[str, Any] = {
    "claims": {},  # over the right ones; null takes one away
    "header": {},
    "sign": "rs1",  # which key signs, or `none`, or `hmac`
    "keys": ["rs1", "es1"],  # which are published
    "jwk": {},  # over what is published of each
    "metadata": {},
    "answer": {},  # over what the authorization answers
    "status": {},  # path: status
    "token": None,  # in place of the token answer
}


class Idp:
    """The provider. `mode` is how it behaves."""

    def __init__(self, issuer: str) -> None:
        self.issuer, self.mode = issuer, dict(RIGHT)
        self.codes: dict[str, dict[str, str]] = {}
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []

    def key(self, name: str) -> Any:
        if name not in self.keys:
            bits = 1_024 if name == "small" else 2_048
            made = (
                rsa.generate_private_key(65_537, bits) if name[:2] != "es" else ec.generate_private_key(ec.SECP256R1())
            )
            self.keys[name] = made
        return self.keys[name]

    def jwk(self, name: str) -> dict[str, Any]:
        public = self.key(name).public_key()
        algorithm = ECAlgorithm if name.startswith("es") else RSAAlgorithm
        told: dict[str, Any] = algorithm.to_jwk(public, as_dict=True)
        return {**told, "kid": name, "use": "sig", **self.mode["jwk"]}

    def token(self, nonce: str) -> str:
        now_s = int(time.time())
        claims = {"iss": self.issuer, "sub": "u-17", "aud": CLIENT, "iat": now_s, "exp": now_s + 300, "nonce": nonce}
        claims |= {"name": "Anna B.", "groups": ["desk-agents", "staff"], **self.mode["claims"]}
        claims = {name: value for name, value in claims.items() if value is not None}
        sign = self.mode["sign"]
        if sign in ("none", "hmac"):
            return self._by_hand(sign, claims)
        header = {"kid": sign, **self.mode["header"]}
        header = {name: value for name, value in header.items() if value is not None}
        if "jwk" in header:
            header["jwk"] = self.jwk(sign)
        return jwt.encode(claims, self.key(sign), "ES256" if sign.startswith("es") else "RS256", headers=header)

    def _by_hand(self, sign: str, claims: dict[str, Any]) -> str:
        algorithm = "none" if sign == "none" else "HS256"
        header = {"typ": "JWT", "alg": algorithm, "kid": "rs1", **self.mode["header"]}
        head = b".".join(b64(json.dumps(part).encode()) for part in (header, claims))
        public = self.key("rs1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        mark = b"" if sign == "none" else b64(hmac.new(public, head, hashlib.sha256).digest())
        return (head + b"." + mark).decode()

    async def configuration(self, request: Request) -> Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }
        return self._answer(request, {**told, **self.mode["metadata"]})

    async def jwks(self, request: Request) -> Response:
        return self._answer(request, {"keys": [self.jwk(name) for name in self.mode["keys"]]})

    async def authorize(self, request: Request) -> Response:
        """The person says yes at once."""
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.issuer, **self.mode["answer"]}
        told = {name: value for name, value in told.items() if value is not None}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}", 303)

    async def tokens(self, request: Request) -> Response:
        """The code, once, for who began and knows the secret."""
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(form.get("code", ""), None)
        pair = f"{CLIENT}:{urlencode({'': SECRET})[1:]}"
        right = request.headers.get("authorization") == f"Basic {base64.b64encode(pair.encode()).decode()}"
        right = right or (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        right = right or (form.get("client_id") == CLIENT and bool(self.mode.get("public")))
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode()
        if not right or asked is None or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if form["redirect_uri"] != asked["redirect_uri"] or asked["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_grant"}, 400)
        told = {"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked["nonce"])}
        return self._answer(request, told if self.mode["token"] is None else self.mode["token"])

    async def set_mode(self, request: Request) -> Response:
        self.mode = {**RIGHT, **await request.json()}
        return JSONResponse({"asked": self.asked})

    def _answer(self, request: Request, told: Any) -> Response:
        path = request.url.path
        self.asked.append(path)
        status = self.mode["status"].get(path, 200)
        if status == 302:
            return RedirectResponse(f"{self.issuer}/elsewhere", 302)
        if status == 999:
            return Response("{" + " " * 2_000_000 + "}", media_type="application/json")
        return JSONResponse(told, status)

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self.configuration),
            Route("/jwks", self.jwks),
            Route("/authorize", self.authorize),
            Route("/token", self.tokens, methods=["POST"]),
            Route("/mode", self.set_mode, methods=["POST"]),
        ]
        return Starlette(routes=routes)


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def main() -> None:
    """Serve on a free port, and print the issuer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(Idp(issuer).app(), log_level="error", lifespan="off", access_log=False, ws="none")
        print(issuer, flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
