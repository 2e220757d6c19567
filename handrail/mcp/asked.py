"""A `tools/call`, as it is proposed: the tool, and everything that the client gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.mcp.message import PARAMS, Malformed, Message, exact

INPUT = ("inputResponses", "requestState")  # of a call that is made again with what the server asked for (2026-07-28)
VERSION = "io.modelcontextprotocol/protocolVersion"  # in the `_meta` of each request, from 2026-07-28 on
NAMES = frozenset({"name", "arguments", *INPUT})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `arguments` are those of the call, and under `mcp.…` the input that goes with them.

    `typed`: the client speaks a revision whose results name their type.
    """

    tool: str
    arguments: dict[str, Any]
    typed: bool = False


def tool_call_of(message: Message) -> Asked:
    """The call of a message. Raises Malformed where a server could only guess what is meant."""
    params = message.value.get("params")
    if not isinstance(params, dict):
        raise Malformed(PARAMS, "params: must be an object", message.id)
    exact(params, NAMES, message.id)
    tool, given = params.get("name"), params.get("arguments")
    if not isinstance(tool, str) or not tool:
        raise Malformed(PARAMS, "params.name: must be a tool's name", message.id)
    if given is not None and not isinstance(given, dict):
        raise Malformed(PARAMS, "params.arguments: must be an object", message.id)
    if (twin := _twin(given)) is not None:
        raise Malformed(PARAMS, f"params.arguments: {twin} comes twice, but for the case of its letters", message.id)
    inputs = {f"mcp.{name}": params[name] for name in INPUT if params.get(name) is not None}
    arguments = dict(given or {})
    if taken := sorted(inputs.keys() & arguments.keys()):
        raise Malformed(PARAMS, f"params.arguments.{taken[0]}: the name is taken", message.id)
    meta = params.get("_meta")
    return Asked(tool, arguments | inputs, typed=isinstance(meta, dict) and VERSION in meta)


def _twin(given: object) -> str | None:
    """A name that comes twice in one object but for its case: rules would judge one, some servers take the other."""
    left = [given]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            seen: set[str] = set()
            for name in value:
                if name.casefold() in seen:
                    return str(name)
                seen.add(name.casefold())
            left += value.values()
        elif isinstance(value, list):
            left += value
    return None
