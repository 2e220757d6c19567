"""JSON-RPC messages of both sides: the client's are read strictly, the server's leniently.

What is judged must be what the server will do. So a client's message that JSON parsers understand differently is
refused: a key that comes twice, a name that differs in case only (some parsers do not distinguish them), a carriage
return inside a message (some readers end a line there), bytes that are not UTF-8, NaN. A server's message is passed on
whatever it is, and only responses are looked for in it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

PARSE, INVALID, PARAMS = -32700, -32600, -32602  # JSON-RPC 2.0, section 5.1
CALL: Final = "tools/call"
ID_INTEGER_MAX = 2**53 - 1  # beyond it JavaScript answers another number
ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})

RequestId = str | int
PARTS_MAX = 100
_SPACE = re.compile(r"[ \t\r\n]*")


class Malformed(ValueError):
    """A message that is not passed on. `id` is that of the request, where it can be answered."""

    def __init__(self, code: int, reason: str, request_id: RequestId | None = None) -> None:
        self.code, self.reason, self.id = code, reason, request_id
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class JsonElements:
    """A line of JSON, and where it is an array, each element with its bytes: `values[i]` was read from `raws[i]`."""

    raws: tuple[bytes, ...]
    values: tuple[Any, ...]
    is_array: bool


def split_elements(text: str, decoder: json.JSONDecoder) -> JsonElements:
    """The elements of `text`, which has no space around it.

    Raises JSONDecodeError, RecursionError, what the decoder raises, and OverflowError beyond PARTS_MAX.
    """
    if not text.startswith("["):
        value, end = decoder.raw_decode(text)
        _require_end(text, end)
        return JsonElements((text.encode(),), (value,), is_array=False)
    raws: list[bytes] = []
    values: list[Any] = []
    at, close = _skip(text, 1), "]"
    while text[at : at + 1] != close:
        if len(values) == PARTS_MAX:
            raise OverflowError
        value, end = decoder.raw_decode(text, at)
        raws.append(text[at:end].encode())
        values.append(value)
        at = _skip(text, end)
        if text[at : at + 1] == close:
            break
        at = _next_element(text, at)
    _require_end(text, at + 1)
    return JsonElements(tuple(raws), tuple(values), is_array=True)


def _next_element(text: str, at: int) -> int:
    """The index of the next element; there must be one."""
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        raise json.JSONDecodeError("Expecting an element", text, at)
    return at


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None
    return space.end()


def _require_end(text: str, end: int) -> None:
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


@dataclass(frozen=True, slots=True)
class Message:
    """One request, notification or response. `raw` is its bytes, without the end of the line where it is of a batch."""

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
class ClientLine:
    """The parts of one line: one message, or a batch, of which some may be malformed."""

    parts: tuple[Message | Malformed, ...]
    batch: bool


def parse_client_line(raw: bytes) -> ClientLine:
    """The messages of a line. Raises Malformed where it is none."""
    elements = _read_elements(raw)
    if not elements.is_array:
        return ClientLine((_message(raw, elements.values[0]),), batch=False)
    if not elements.values:
        raise Malformed(INVALID, "a batch without messages")
    return ClientLine(tuple(map(_message_or_error, elements.raws, elements.values)), batch=True)


def _read_elements(raw: bytes) -> JsonElements:
    try:
        body = raw.decode().strip(" \t\r\n")
        if "\r" in body:
            raise Malformed(PARSE, "a carriage return inside a message")
        return split_elements(body, _STRICT)
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


def _message_or_error(raw: bytes, value: Any) -> Message | Malformed:
    try:
        return _message(raw, value)
    except Malformed as malformed_response:
        return malformed_response


def _message(raw: bytes, value: Any) -> Message:
    if not isinstance(value, dict):
        raise Malformed(INVALID, "a message is an object")
    require_exact_names(value, ENVELOPE)
    method = value.get("method")
    if "method" not in value:
        return Message(raw, value, None, None)
    if not isinstance(method, str):
        raise Malformed(INVALID, "method: must be text")
    if "id" not in value:
        return Message(raw, value, method, None)
    return Message(raw, value, method, _id(value["id"]))


def _id(request_id: object) -> RequestId:
    if isinstance(request_id, str) or (type(request_id) is int and abs(request_id) <= ID_INTEGER_MAX):
        return request_id
    raise Malformed(INVALID, "id: must be text or an integer up to 2^53-1")


def require_exact_names(value: Mapping[str, Any], names: frozenset[str], request_id: RequestId | None = None) -> None:
    """Raises Malformed where a key is one of the names but for the case of its letters."""
    folded = {name.casefold() for name in names}
    for key in value:
        if key not in names and key.casefold() in folded:
            raise Malformed(INVALID, f"{key}: write it as the specification does", request_id)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise Malformed(INVALID, "a key comes twice")
    return mapping


def _no_number(name: str) -> NoReturn:
    raise Malformed(PARSE, f"not JSON: {name}")


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """A response of the server, with its own bytes."""

    raw: bytes
    value: Mapping[str, Any]

    @property
    def id(self) -> object:
        """The id of the request that it answers."""
        return self.value["id"]


def parse_server_line(raw: bytes) -> JsonElements | None:
    """The messages of a line; None where it cannot be read."""
    try:
        return split_elements(raw.decode().strip(" \t\r\n"), _LENIENT)
    except (ValueError, RecursionError, OverflowError):
        return None


def as_response(raw: bytes, value: Any) -> ServerResponse | None:
    """The message as a response, or None where it is something else."""
    if not isinstance(value, dict) or "method" in value or value.get("id") is None:
        return None
    return ServerResponse(raw, value) if "result" in value or "error" in value else None


_STRICT = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_number)
_LENIENT = json.JSONDecoder()
