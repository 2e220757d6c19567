"""What the client says, read so strictly that the server cannot read anything else in the same bytes.

What is judged must be what the server will do. So whatever JSON parsers understand differently is refused: a key that
comes twice, a name that differs in case only (some parsers do not tell them apart), a carriage return inside a message
(some readers end a line there), bytes that are not UTF-8, NaN.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from handrail.mcp.elements import PARTS_MAX, Elements, elements

PARSE, INVALID, PARAMS = -32700, -32600, -32602  # JSON-RPC 2.0, section 5.1
CALL: Final = "tools/call"
ID_INTEGER_MAX = 2**53 - 1  # beyond it JavaScript answers another number
ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})

RequestId = str | int


class Malformed(ValueError):
    """It is not passed on. `id` is that of the request, where it is one that can be answered."""

    def __init__(self, code: int, reason: str, request_id: RequestId | None = None) -> None:
        self.code, self.reason, self.id = code, reason, request_id
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Message:
    """One request, notification or response. `raw` is what came, without the end of its line where it is of a batch."""

    raw: bytes
    value: Mapping[str, Any]
    method: str | None
    id: RequestId | None

    @property
    def is_call(self) -> bool:
        """Whether it calls a tool, with an id or without. Servers may be lax about the method's letters; we are too."""
        return self.method is not None and self.method.strip().casefold() == CALL

    @property
    def is_request(self) -> bool:
        """Whether it wants an answer."""
        return self.method is not None and self.id is not None


@dataclass(frozen=True, slots=True)
class Said:
    """What one line says: one message, or a batch of them, of which some may be no messages."""

    parts: tuple[Message | Malformed, ...]
    batch: bool


def parse_line(raw: bytes) -> Said:
    """The messages of a line. Raises Malformed where it is none."""
    found = _found(raw)
    if not found.array:
        return Said((_message(raw, found.values[0]),), batch=False)
    if not found.values:
        raise Malformed(INVALID, "a batch without messages")
    return Said(tuple(map(_part, found.raws, found.values)), batch=True)


def _found(raw: bytes) -> Elements:
    try:
        body = raw.decode().strip(" \t\r\n")
        if "\r" in body:
            raise Malformed(PARSE, "a carriage return inside a message")
        return elements(body, _STRICT)
    except UnicodeDecodeError:
        raise Malformed(PARSE, "not UTF-8") from None
    except RecursionError:
        raise Malformed(PARSE, "nested too deeply") from None
    except OverflowError:
        raise Malformed(INVALID, f"a batch of more than {PARTS_MAX} messages") from None
    except json.JSONDecodeError as error:
        raise Malformed(PARSE, f"not JSON: {error.msg} at character {error.pos}") from None
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(PARSE, f"not JSON: {error}") from None


def _part(raw: bytes, value: Any) -> Message | Malformed:
    try:
        return _message(raw, value)
    except Malformed as malformed:
        return malformed


def _message(raw: bytes, value: Any) -> Message:
    if not isinstance(value, dict):
        raise Malformed(INVALID, "a message is an object")
    exact(value, ENVELOPE)
    method = value.get("method")
    if "method" not in value:
        return Message(raw, value, None, None)
    if not isinstance(method, str):
        raise Malformed(INVALID, "method: must be text")
    if "id" not in value:
        return Message(raw, value, method, None)
    return Message(raw, value, method, _id(value["id"]))


def _id(given: object) -> RequestId:
    if isinstance(given, str) or (type(given) is int and abs(given) <= ID_INTEGER_MAX):
        return given
    raise Malformed(INVALID, "id: must be text or an integer up to 2^53-1")


def exact(value: Mapping[str, Any], names: frozenset[str], request_id: RequestId | None = None) -> None:
    """Raises Malformed where a key is one of the names but for the case of its letters."""
    folded = {name.casefold() for name in names}
    for key in value:
        if key not in names and key.casefold() in folded:
            raise Malformed(INVALID, f"{key}: write it as the specification does", request_id)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(INVALID, "a key comes twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise Malformed(PARSE, f"not JSON: {name}")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
