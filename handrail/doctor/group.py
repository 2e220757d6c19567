"""Who governs, and how far behind they are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError

from handrail.doctor.broker import Broker
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.reading import beginnings, ends, partitions

BEHIND = 1000
BROKER_S_MAX = 5.0
ASK_AGAIN_S = 0.2

SETTLED = ("Stable", "Empty")  # as Kafka names the states of a group

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The workers' group: its members, the partitions they have, and whether these are shared out."""

    members: Sequence[Any]
    owned: Set[TopicPartition]
    settled: bool


async def look(place: Place, broker: Broker) -> list[Line]:
    """Members of the workers' group, and the records of each partition that it has not committed."""
    wanted = await partitions(place.bootstrap, [AGENT_EVENTS])
    if not wanted:
        return []
    lags = await _lags(place, broker, wanted)
    behind = sum(lags.values())
    listed = ", ".join(f"{tp.partition}: {count}" for tp, count in sorted(lags.items()))
    told = f"group {place.group}: {{}}; records not decided by partition: {listed}"
    group = await _group(broker, place.group)
    members = len(group.members)
    if members == 0:
        mend = "start `handrail up` or `handrail worker`: agents wait for decisions"
        return [(wrong if behind else warn)("workers", told.format("no worker"), mend)]
    told = told.format(f"{members} worker{'s' if members > 1 else ''}")
    unowned = _unowned(group, lags)
    if behind > BEHIND:
        return [warn("workers", told, f"start more workers, at most {len(wanted)} in all, or see their logs"), *unowned]
    return [ok("workers", told), *unowned]


def _unowned(group: Group, lags: Mapping[TopicPartition, int]) -> list[Line]:
    """A line for each partition whose records wait, and that no worker has."""
    waiting = {tp: count for tp, count in sorted(lags.items()) if count and tp not in group.owned}
    mend = "it is given to a worker in some seconds; if not, start the workers again: one may hang"
    told = "waits for an owner" if group.settled else "waits until the workers have shared the partitions out"
    return [warn("waits", f"partition {tp.partition}: {told}: {count} records", mend) for tp, count in waiting.items()]


async def _group(broker: Broker, name: str) -> Group:
    answers = await _coordinated(lambda: broker.admin.describe_consumer_groups([name]))
    found = [group for answer in answers for group in answer.groups]
    members = [member for group in found for member in group[5]]
    owned = {tp for *_, assigned in members if assigned for tp in _assigned(assigned)}
    return Group(members, owned, all(group[2] in SETTLED for group in found))


def _assigned(raw: bytes) -> list[TopicPartition]:
    found: list[TopicPartition] = ConsumerProtocolMemberAssignment.decode(raw).partitions()
    return found


async def _lags(place: Place, broker: Broker, wanted: list[TopicPartition]) -> dict[TopicPartition, int]:
    first = await beginnings(place.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    last = await ends(place.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    committed = await _coordinated(lambda: _committed(place, broker, wanted))
    return {tp: max(0, last[tp] - max(first[tp], committed[tp].offset)) for tp in wanted}


async def _committed(place: Place, broker: Broker, wanted: list[TopicPartition]) -> Mapping[TopicPartition, Any]:
    """Of every partition, -1 where nothing is. Raises GroupCoordinatorNotAvailableError.

    aiokafka 0.14 leaves out the answer's own error: a coordinator that is still loading seems to know no partition.
    """
    found: Mapping[TopicPartition, Any] = await broker.admin.list_consumer_group_offsets(place.group, partitions=wanted)
    if not found.keys() >= set(wanted):
        raise GroupCoordinatorNotAvailableError
    return found


async def _coordinated(ask: Callable[[], Awaitable[T]]) -> T:
    """What the group's coordinator answers; Apache Kafka makes the first one of its life when it is asked for."""
    while True:
        try:
            return await ask()
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(ASK_AGAIN_S)  # the check as a whole is bounded
