"""The body of a request, complete and bounded, before it is used."""

import asyncio

from starlette.types import Message, Receive, Scope

READ_S = 20.0


class TooLarge(Exception):
    """More than the limit."""


class TooSlow(Exception):
    """Not there in time, or the client went away."""


async def read(scope: Scope, receive: Receive, bytes_max: int, seconds: float = READ_S) -> bytes:
    """The body of a request. Raises TooLarge as soon as that is known, TooSlow."""
    declared = [value for name, value in scope["headers"] if name == b"content-length"]
    if any(not value.isdigit() or int(value[:20]) > bytes_max for value in declared):
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise TooSlow
                body += message.get("body", b"")
                if len(body) > bytes_max:
                    raise TooLarge
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise TooSlow from None


def again(body: bytes, receive: Receive) -> Receive:
    """What hands the body to the app, once, and then waits for the client to go."""
    given = False

    async def first_then_rest() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_then_rest
