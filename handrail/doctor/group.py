"""Who governs, and how far behind they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError

from handrail.doctor.broker import Broker
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.ends import beginnings, ends
from handrail.streams.engine.scan import partitions

BEHIND = 1000
BROKER_S_MAX = 5.0
ASK_AGAIN_S = 0.2

T = TypeVar("T")


async def look(place: Place, broker: Broker) -> list[Line]:
    """Members of the workers' group, and the records of each partition that it has not committed."""
    wanted = await partitions(place.bootstrap, [AGENT_EVENTS])
    if not wanted:
        return []
    lags = await _lags(place, broker, wanted)
    behind = sum(lags.values())
    listed = ", ".join(f"{tp.partition}: {count}" for tp, count in sorted(lags.items()))
    told = f"group {place.group}: {{}}; records not decided by partition: {listed}"
    members = await _members(broker, place.group)
    if members == 0:
        mend = "start `handrail up` or `handrail worker`: agents wait for decisions"
        return [(wrong if behind else warn)("workers", told.format("no worker"), mend)]
    told = told.format(f"{members} worker{'s' if members > 1 else ''}")
    if behind > BEHIND:
        return [warn("workers", told, f"start more workers, at most {len(wanted)} in all, or see their logs")]
    return [ok("workers", told)]


async def _members(broker: Broker, group: str) -> int:
    answers = await _coordinated(lambda: broker.admin.describe_consumer_groups([group]))
    return sum(len(found[5]) for answer in answers for found in answer.groups)


async def _lags(place: Place, broker: Broker, wanted: list[TopicPartition]) -> dict[TopicPartition, int]:
    first = await beginnings(place.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    last = await ends(place.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    committed = await _coordinated(
        lambda: broker.admin.list_consumer_group_offsets(place.group, partitions=wanted),
    )
    return {tp: max(0, last[tp] - max(first[tp], committed[tp].offset)) for tp in wanted}


async def _coordinated(ask: Callable[[], Awaitable[T]]) -> T:
    """What the group's coordinator answers; Apache Kafka makes the first one of its life when it is asked for."""
    while True:
        try:
            return await ask()
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(ASK_AGAIN_S)  # the check as a whole is bounded
