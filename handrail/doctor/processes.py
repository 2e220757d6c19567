"""Workers and sink: whether they are ready, what they wait for, and how far they are behind the log."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import orjson
from aiokafka import TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError

from handrail.doctor.broker import Broker
from handrail.doctor.installation import Installation
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.reading import beginnings, ends, partitions
from handrail.streams.probe import WORDS, For
from handrail.supervisor.stored import BROKER_S_MAX, log_ends, offsets, records_between

ANSWER_S_MAX = 3.0
REMEDIES: Mapping[For, str] = {
    "broker": "are all brokers up, and do their disks keep pace? Agents get NoDecision meanwhile, nothing is lost",
    "states": "it goes on by itself when they are read; its log has the progress",
    "policies": "`handrail policy activate FOLDER`",
    "fold": "it catches up by itself; where that takes long, start more workers, as many as there are partitions",
    "disk": "is the disk of the data folder slow, or shared?",
    "readers": "end long queries: new ones are not let in after 30 s",
}
WORKERS_LAG_MAX = 1000
ASK_AGAIN_S = 0.2
SETTLED = ("Stable", "Empty")  # as Kafka names the states of a group
T = TypeVar("T")
SINK_LAG_MAX = 10_000


async def check_endpoints(installation: Installation) -> list[Line]:
    """/readyz of each process of the `up` that runs on the folder, else of the one that the settings name."""
    addresses: Mapping[str, str] = {}
    if installation.up is not None:
        addresses = installation.up.http
    elif installation.http is not None:
        addresses = {"http": installation.http}
    if not addresses:
        return [ok("http", "no process here answers over HTTP, as far as settings say")]
    timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(_ask_endpoint(session, name, at) for name, at in addresses.items()))
    return [line for lines in answers for line in lines]


async def _ask_endpoint(session: aiohttp.ClientSession, name: str, address: str) -> list[Line]:
    url = f"http://{address if ':' in address else f'127.0.0.1:{address}'}/readyz"
    try:
        async with session.get(url) as response:
            status = orjson.loads(await response.read())
            waits = list(describe_waits(name, status.get("waits", {})))
            if response.status == 200:
                return [ok("http", f"{name}: {url}: ready"), *waits]
            return [wrong("http", f"{name}: {url}: {status.get('reason', response.status)}", "see its log"), *waits]
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return [wrong("http", f"{name}: {url}: {reason}", "does it run, with --http? See its log")]


def describe_waits(name: str, waits: Mapping[str, Any]) -> Iterator[Line]:
    """A line for each wait that /readyz reports (streams/wait.py)."""
    for who, wait in waits.items():
        cause = wait["for"]
        message = f"{name}: {who}: waits for {WORDS[cause]} for {wait['seconds']:.0f} s: {wait['told']}"
        yield warn("waits", message, REMEDIES[cause])


@dataclass(frozen=True, slots=True)
class Group:
    """The workers' group: its members, the partitions they have, and whether these are shared out."""

    members: Sequence[Any]
    owned: Set[TopicPartition]
    settled: bool


async def check_workers(installation: Installation, broker: Broker) -> list[Line]:
    """Members of the workers' group, and the records of each partition that it has not committed yet."""
    wanted = await partitions(installation.bootstrap, [AGENT_EVENTS])
    if not wanted:
        return []
    lags = await _lags(installation, broker, wanted)
    lag = sum(lags.values())
    listed = ", ".join(f"{tp.partition}: {count}" for tp, count in sorted(lags.items()))
    message = f"group {installation.group}: {{}}; records not decided by partition: {listed}"
    group = await _group(broker, installation.group)
    members = len(group.members)
    if members == 0:
        remedy = "start `handrail up` or `handrail worker`: agents wait for decisions"
        return [(wrong if lag else warn)("workers", message.format("no worker"), remedy)]
    message = message.format(f"{members} worker{'s' if members > 1 else ''}")
    unowned = _unowned(group, lags)
    if lag > WORKERS_LAG_MAX:
        return [
            warn("workers", message, f"start more workers, at most {len(wanted)} in all, or see their logs"),
            *unowned,
        ]
    return [ok("workers", message), *unowned]


def _unowned(group: Group, lags: Mapping[TopicPartition, int]) -> list[Line]:
    """A line for each partition with undecided records that no worker owns."""
    waiting = {tp: count for tp, count in sorted(lags.items()) if count and tp not in group.owned}
    remedy = "it is given to a worker in some seconds; if not, start the workers again: one may hang"
    reason = "waits for an owner" if group.settled else "waits until the workers have shared the partitions out"
    return [
        warn("waits", f"partition {tp.partition}: {reason}: {count} records", remedy) for tp, count in waiting.items()
    ]


async def _group(broker: Broker, name: str) -> Group:
    responses = await _coordinated(lambda: broker.admin.describe_consumer_groups([name]))
    groups = [group for response in responses for group in response.groups]
    members = [member for group in groups for member in group[5]]
    owned = {tp for *_, assigned in members if assigned for tp in _assigned(assigned)}
    return Group(members, owned, all(group[2] in SETTLED for group in groups))


def _assigned(raw: bytes) -> list[TopicPartition]:
    assigned: list[TopicPartition] = ConsumerProtocolMemberAssignment.decode(raw).partitions()
    return assigned


async def _lags(installation: Installation, broker: Broker, wanted: list[TopicPartition]) -> dict[TopicPartition, int]:
    first = await beginnings(installation.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    last = await ends(installation.bootstrap, wanted, timeout_s=BROKER_S_MAX)
    committed = await _coordinated(lambda: _committed(installation, broker, wanted))
    return {tp: max(0, last[tp] - max(first[tp], committed[tp].offset)) for tp in wanted}


async def _committed(
    installation: Installation, broker: Broker, wanted: list[TopicPartition]
) -> Mapping[TopicPartition, Any]:
    """The committed offset of each partition, -1 where there is none. Raises GroupCoordinatorNotAvailableError.

    aiokafka 0.14 drops the error code of the response: a coordinator that is still loading seems to know no partition.
    """
    offsets: Mapping[TopicPartition, Any] = await broker.admin.list_consumer_group_offsets(
        installation.group, partitions=wanted
    )
    if not offsets.keys() >= set(wanted):
        raise GroupCoordinatorNotAvailableError
    return offsets


async def _coordinated(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of the group's coordinator; Apache Kafka creates its first coordinator when somebody asks for it."""
    while True:
        try:
            return await ask()
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(ASK_AGAIN_S)  # the check as a whole is bounded


async def check_sink(installation: Installation, broker: Broker) -> list[Line]:
    """How many records of this cluster's log are not stored yet, as readers see it."""
    last = await log_ends(installation.bootstrap)
    if not last:
        return []
    first = await beginnings(installation.bootstrap, last, timeout_s=BROKER_S_MAX)
    try:
        stored = offsets(installation.data, broker.cluster_id)
    except ConfigError:
        return []  # check_database reports it
    count = records_between(last, {tp: max(start, stored.get(tp, 0)) for tp, start in first.items()})
    message = f"{count} records of the log of {broker.cluster_id} are not in what readers see"
    if not stored and count:
        return [warn("sink", message, f"nothing of it is stored: start `handrail sink --data {installation.data}`")]
    if count > SINK_LAG_MAX:
        return [warn("sink", message, "does a sink run? `handrail up` starts one; see its log")]
    return [ok("sink", message)]
