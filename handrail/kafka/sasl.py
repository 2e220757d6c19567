"""aiokafka 0.14's SASL put right where it tells too much or hears too little; called before a login is used."""

import logging

from aiokafka import conn
from aiokafka.errors import SaslAuthenticationFailed


class OAuthAuthenticator(conn.OAuthAuthenticator):  # type: ignore[misc]
    """aiokafka's, which takes a broker's refusal (RFC 7628, 3.2.2) for a welcome, and then misreads what follows."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Raises SaslAuthenticationFailed with what the broker has against the token."""
        if payload:
            raise SaslAuthenticationFailed(payload.decode(errors="replace"))
        response: tuple[bytes, bool] | None = await super().step(payload)
        return response


def install() -> None:
    """Every connection of this process, from its login on."""
    conn.OAuthAuthenticator = OAuthAuthenticator
    conn.log.addFilter(_tells_no_secret)


def _tells_no_secret(record: logging.LogRecord) -> bool:
    """At its most talkative aiokafka writes each request, and the password in that of PLAIN."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(type(argument).__name__.startswith("Sasl") for argument in arguments)
