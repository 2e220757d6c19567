"""The server's tools: what `tools/list` says of them, and a `tools/call` as it is proposed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.client.call import Effect
from handrail.mcp.messages import PARAMS, Malformed, Message, require_exact_names

TOOLS_MAX = 1_000
INPUT = ("inputResponses", "requestState")  # of a call that is made again with what the server asked for (2026-07-28)
VERSION = "io.modelcontextprotocol/protocolVersion"  # in the `_meta` of each request, from 2026-07-28 on
NAMES = frozenset({"name", "arguments", *INPUT})


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call as it is proposed. `arguments` are those of the call, and under `mcp.…` the input that goes with them.

    `typed`: the client speaks a revision whose results name their type.
    """

    tool: str
    arguments: dict[str, Any]
    typed: bool = False


def parse_tool_call(message: Message) -> ToolRequest:
    """The call of a message. Raises Malformed where a server could only guess what is meant."""
    params = message.value.get("params")
    if not isinstance(params, dict):
        raise Malformed(PARAMS, "params: must be an object", message.id)
    require_exact_names(params, NAMES, message.id)
    tool, call_arguments = params.get("name"), params.get("arguments")
    if not isinstance(tool, str) or not tool:
        raise Malformed(PARAMS, "params.name: must be a tool's name", message.id)
    if call_arguments is not None and not isinstance(call_arguments, dict):
        raise Malformed(PARAMS, "params.arguments: must be an object", message.id)
    if (name := _repeated_name(call_arguments)) is not None:
        raise Malformed(PARAMS, f"params.arguments: {name} comes twice, but for the case of its letters", message.id)
    inputs = {f"mcp.{name}": params[name] for name in INPUT if params.get(name) is not None}
    arguments = dict(call_arguments or {})
    if taken := sorted(inputs.keys() & arguments.keys()):
        raise Malformed(PARAMS, f"params.arguments.{taken[0]}: the name is taken", message.id)
    meta = params.get("_meta")
    return ToolRequest(tool, arguments | inputs, typed=isinstance(meta, dict) and VERSION in meta)


def _repeated_name(value: object) -> str | None:
    """A name that comes twice in one object but for its case: rules would judge one, some servers take the other."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            folded: set[str] = set()
            for name in item:
                if name.casefold() in folded:
                    return str(name)
                folded.add(name.casefold())
            stack += item.values()
        elif isinstance(item, list):
            stack += item
    return None


class ToolHints:
    """Tools that are listed as writes, and tools that promise a shape of their results; TOOLS_MAX of each.

    The server's list is not trusted, so it may only make things stricter.
    """

    def __init__(self) -> None:
        self._writing: set[str] = set()
        self._shaped: set[str] = set()

    def learn(self, result: object) -> None:
        """Learn from one page of `tools/list`. A tool that once was a write stays one for the rest of the session."""
        listed = result.get("tools") if isinstance(result, dict) else None
        for tool in listed if isinstance(listed, list) else ():
            if isinstance(tool, dict) and isinstance(name := tool.get("name"), str):
                self._learn(name, tool)

    def effect(self, tool: str) -> Effect | None:
        """`write` where the list says so. Never `read`: only `tools.yaml` can say that; else the effect is unknown."""
        return "write" if tool in self._writing else None

    def is_shaped(self, tool: str) -> bool:
        """Whether clients check the structured content of its results against a schema."""
        return tool in self._shaped

    def _learn(self, name: str, tool: dict[str, Any]) -> None:
        hints = tool.get("annotations")
        if isinstance(hints, dict) and (hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True):
            _add(self._writing, name)
        if isinstance(tool.get("outputSchema"), dict):
            _add(self._shaped, name)


def _add(names: set[str], name: str) -> None:
    if len(names) < TOOLS_MAX:
        names.add(name)
