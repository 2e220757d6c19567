"""Tokens for SASL/OAUTHBEARER, from a command that is run again before they end."""

import asyncio
import base64
import json
import logging
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from handrail.schemas.errors import ConfigError

log = logging.getLogger(__name__)

COMMAND_S_MAX = 30
OUTPUT_BYTES_MAX = 65_536
RENEWED_AFTER = 0.8  # of a token's life, as Kafka's own clients do


class NoToken(KafkaError):  # type: ignore[misc]
    """The command gave none; `str()` is one line, without anything that the command said."""

    retriable = True

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `renew_s`: when another one is asked for, in seconds of the epoch, as `end_s`; 0: not known."""

    text: str = field(repr=False)
    renew_s: float = 0.0
    end_s: float = 0.0
    extensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str | None:
        """Whose it is, as brokers read it unless they are told otherwise: `sub` of a JWT."""
        name = _claims(self.text).get("sub")
        return name if isinstance(name, str) else None


class TokenCommand(AbstractTokenProvider):  # type: ignore[misc]
    """What aiokafka asks for a token at each connection; may be asked in several threads.

    The command is split into words and run without a shell. It prints the token alone, or the JSON of a token
    endpoint (RFC 6749, 5.1): `access_token`, `expires_in` in seconds, and for brokers that ask for them
    `extensions`, an object of texts. Where neither `expires_in` nor the token itself (`exp` of a JWT) says when it
    ends, it is run for every connection. Raises ConfigError where the words cannot be told apart.
    """

    def __init__(self, command: str, clock: Callable[[], float] = time.time) -> None:
        self._words, self._clock = _words(command), clock
        self._lock = threading.Lock()
        self._token = Token("")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def token(self) -> str:
        """A token that has not ended. Raises NoToken."""
        return (await asyncio.to_thread(self.current)).text

    def extensions(self) -> Mapping[str, str]:
        """Those that came with the token that `token` gave last."""
        return self._token.extensions

    @property
    def subject(self) -> str | None:
        """Whose the token is that was given last, as far as it says so; no command is run for it."""
        return self._token.subject

    def current(self) -> Token:
        """The token in use; the command is run where it is time. Raises NoToken."""
        with self._lock:
            now_s = self._clock()
            if now_s >= self._token.renew_s:
                try:
                    self._token = read(self._run(), now_s)
                except NoToken as error:
                    if now_s >= self._token.end_s:
                        raise
                    log.warning("%s; the token that was there before is used until it ends", error)
            return self._token

    def _run(self) -> bytes:
        name = f"kafka_token_command: {self._words[0]}"
        try:
            done = subprocess.run(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a command that is asked to be talkative shows what it sends
                timeout=COMMAND_S_MAX,
            )
        except subprocess.TimeoutExpired:
            raise NoToken(f"{name}: no token within {COMMAND_S_MAX} s: run it by hand to see why") from None
        except OSError as error:
            raise NoToken(f"{name}: {error.strerror}: give a program that this process can run") from None
        if done.returncode:
            raise NoToken(f"{name}: ended with status {done.returncode}: run it by hand to see why")
        return done.stdout


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ConfigError(f"kafka_token_command: {error}: write it as for a shell") from None
    if not words:
        raise ConfigError("kafka_token_command: empty: name a program that prints a token")
    return words


def read(output: bytes, now_s: float) -> Token:
    """The token that a command printed. Raises NoToken."""
    text = output[: OUTPUT_BYTES_MAX + 1].decode(errors="replace").strip()
    if len(output) > OUTPUT_BYTES_MAX or not text:
        what = f"more than {OUTPUT_BYTES_MAX} bytes" if text else "nothing"
        raise NoToken(f"kafka_token_command: printed {what}: print the token, or a token endpoint's JSON")
    response = _answer(text) if text.startswith("{") else {"access_token": text}
    token, extensions = response.get("access_token"), response.get("extensions") or {}
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token or not token:
        raise NoToken("kafka_token_command: what it printed is no token: print it alone, or as `access_token`")
    if not isinstance(extensions, dict) or not all(isinstance(value, str) for value in extensions.values()):
        raise NoToken("kafka_token_command: `extensions` is no object of texts")
    end_s = _number(_claims(token).get("exp"))
    if end_s is None and (life_s := _number(response.get("expires_in"))) is not None:
        end_s = now_s + life_s
    if end_s is None:
        return Token(token, 0.0, 0.0, extensions)
    if end_s <= now_s:
        raise NoToken(f"kafka_token_command: gave a token that ended {now_s - end_s:.0f} s ago: is its cache too old?")
    return Token(token, now_s + RENEWED_AFTER * (end_s - now_s), end_s, extensions)


def _answer(text: str) -> Mapping[str, Any]:
    try:
        response = json.loads(text)
    except ValueError:
        raise NoToken("kafka_token_command: printed no JSON, though it begins with a brace") from None
    return response if isinstance(response, dict) else {}


def _claims(token: str) -> Mapping[str, Any]:
    """What a JWT says of itself, unchecked; empty for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
