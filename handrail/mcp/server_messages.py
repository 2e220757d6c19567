"""What the server says, read leniently: it is passed on whatever it is, and only answers are looked for in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.mcp.elements import Elements, elements

_LENIENT = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """A response of the server, with its own bytes."""

    raw: bytes
    value: Mapping[str, Any]

    @property
    def id(self) -> object:
        """The id of the request that it answers."""
        return self.value["id"]


def parse(raw: bytes) -> Elements | None:
    """The messages of a line; None where it cannot be read."""
    try:
        return elements(raw.decode().strip(" \t\r\n"), _LENIENT)
    except (ValueError, RecursionError, OverflowError):
        return None


def answer_of(raw: bytes, value: Any) -> ServerResponse | None:
    """The message as a response, or None where it is something else."""
    if not isinstance(value, dict) or "method" in value or value.get("id") is None:
        return None
    return ServerResponse(raw, value) if "result" in value or "error" in value else None
