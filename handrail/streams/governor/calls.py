"""The calls that events speak of."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from handrail.policies import canonical_tool
from handrail.schemas.action import RESPONSE, action_digest
from handrail.schemas.canonical import canonical, sorted_json
from handrail.streams.governor.fold_context import ActionCall, FoldContext


def call_of(context: FoldContext, data: Mapping[str, Any]) -> ActionCall:
    """The call that an `action.proposed` or `action.executed` speaks of."""
    tool = canonical_tool(data["tool"])
    arguments = sorted_json(data["arguments"]) if context.plain else canonical(data["arguments"])
    key = sha256(tool.encode() + b"\x00" + arguments).digest()[:8]
    digest = _digest(context, data["action_id"], tool, arguments)
    effect = context.bundle.effect(tool, data.get("effect"))
    return ActionCall(data["action_id"], tool, data["tool"], data["arguments"], key, digest, effect)


def answer_of(context: FoldContext, data: Mapping[str, Any]) -> ActionCall:
    """An answer to the customer as a call: what a human approves is its exact text."""
    arguments = {"text": data["text"]}
    written = canonical(arguments)
    key = sha256(b"response\x00" + written).digest()[:8]
    digest = _digest(context, data["response_id"], RESPONSE, written)
    return ActionCall(data["response_id"], RESPONSE, RESPONSE, arguments, key, digest, "write")


def _digest(context: FoldContext, action_id: str, tool: str, arguments: bytes) -> str:
    return action_digest(
        tenant=context.tenant,
        agent_id=context.agent_id,
        conversation_id=context.conversation.id,
        execution_id=context.execution.id,
        action_id=action_id,
        tool=tool,
        arguments=arguments,
    )
