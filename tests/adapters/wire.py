"""What lies on the log of one conversation, and the person who answers its approval."""

from typing import Any

import orjson

from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from tests.desk import resolution
from tests.topics import Wire, read


async def events(bootstrap: str, conversation: str) -> list[tuple[str, dict[str, Any]]]:
    """What the agent told: name and data, in the order of the log."""
    records = await _records(bootstrap, AGENT_EVENTS, conversation)
    names = [record["type"].removeprefix("handrail.").removesuffix(".v1") for record in records]
    named = zip(names, (record["data"] for record in records), strict=True)
    return [(name, data) for name, data in named if not name.startswith("control.")]


async def decisions(bootstrap: str, conversation: str, kind: str = "action") -> list[dict[str, Any]]:
    """The decisions of a kind, in the order of the log."""
    records = await _records(bootstrap, DECISIONS, conversation)
    return [record["data"] for record in records if record["data"]["kind"] == kind]


async def answers(bootstrap: str, conversation: str, outcome: str) -> None:
    """A person answers the approval of the conversation as soon as it is asked for."""
    async with Wire(bootstrap, HANDOFFS) as wire:
        while True:
            handoff = orjson.loads((await wire.next()).value)["data"]
            if handoff["conversation_id"] == conversation and handoff["kind"] == "approval":
                digest = handoff["pending"]["action_digest"]
                return await wire.publish(resolution(handoff, outcome, action_digest=digest), RESOLUTIONS)


async def _records(bootstrap: str, topic: str, conversation: str) -> list[dict[str, Any]]:
    records = await read(bootstrap, topic, PARTITIONS)
    return [orjson.loads(record.value) for record in records if record.key == conversation.encode()]
