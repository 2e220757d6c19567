"""The calls that events speak of."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from handrail.policies import canonical_tool
from handrail.schemas.action import RESPONSE, action_digest
from handrail.schemas.canonical import canonical, sorted_json
from handrail.streams.governor.call import Call
from handrail.streams.governor.turn import Turn


def call_of(turn: Turn, data: Mapping[str, Any]) -> Call:
    """The call that an `action.proposed` or `action.executed` speaks of."""
    tool = canonical_tool(data["tool"])
    arguments = sorted_json(data["arguments"]) if turn.plain else canonical(data["arguments"])
    key = sha256(tool.encode() + b"\x00" + arguments).digest()[:8]
    digest = _digest(turn, data["action_id"], tool, arguments)
    effect = turn.bundle.effect(tool, data.get("effect"))
    return Call(data["action_id"], tool, data["tool"], data["arguments"], key, digest, effect)


def answer_of(turn: Turn, data: Mapping[str, Any]) -> Call:
    """An answer to the customer as a call: what a human approves is its exact text."""
    arguments = {"text": data["text"]}
    written = canonical(arguments)
    key = sha256(b"response\x00" + written).digest()[:8]
    digest = _digest(turn, data["response_id"], RESPONSE, written)
    return Call(data["response_id"], RESPONSE, RESPONSE, arguments, key, digest, "write")


def _digest(turn: Turn, action_id: str, tool: str, arguments: bytes) -> str:
    return action_digest(
        tenant=turn.tenant,
        agent_id=turn.agent_id,
        conversation_id=turn.case.id,
        execution_id=turn.execution.id,
        action_id=action_id,
        tool=tool,
        arguments=arguments,
    )
