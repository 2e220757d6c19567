"""Make the topics that are missing, and refuse those that cannot work; what exists is never changed."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from handrail.kafka.reachable import reachable
from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, Topic

COPIES_MAX = 3
VISIBLE_S_MAX = 30.0
TIMESTAMP_TYPE = "message.timestamp.type"


async def ensure_topics(bootstrap: str, *, partitions: int | None = None, replication: int | None = None) -> list[str]:
    """Every topic of the catalogue exists, and can be written to; returns the names of those created here.

    Parameters
    ----------
    bootstrap : str
        `HOST:PORT`, or several with commas.
    partitions : int, optional
        How many for the topics that must have equally many; without it, as many as those that exist have, else the
        catalogue's number.
    replication : int, optional
        Copies of each partition; without it, as many as there are brokers, at most 3.

    Raises
    ------
    ConfigError
        No broker answers; existing topics that must have equally many partitions do not, or not as many as asked
        for; `agent.events.v1` exists without `LogAppendTime`; the broker refuses a topic.
    """
    with reachable(bootstrap):
        async with _admin(bootstrap) as admin:
            counts = await _partition_counts(admin)
            number = _common_count(counts, partitions)
            await _check_timestamps(admin, bootstrap, counts)
            copies = replication or min(COPIES_MAX, len((await admin.describe_cluster())["brokers"]))
            missing = [topic for name, topic in CATALOGUE.items() if name not in counts]
            created = await _create(admin, bootstrap, [_new(topic, number, copies) for topic in missing])
            # Another process may have made some of them meanwhile, with other settings.
            visible = await _visible(admin, bootstrap)
            _common_count(visible, partitions)
            await _check_timestamps(admin, bootstrap, visible)
            return created


async def partition_counts(bootstrap: str) -> dict[str, int]:
    """How many partitions each topic has that exists and has its leaders. Raises what aiokafka raises."""
    async with _admin(bootstrap) as admin:
        return await _partition_counts(admin)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = Admin(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of each topic that exists and has a leader everywhere.

    All topics are asked for, never some by name: the embedded broker creates what it is asked for.
    """
    described: list[dict[str, Any]] = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if topic["partitions"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


def _common_count(by_topic: Mapping[str, int], asked: int | None) -> int:
    """The number of partitions of all topics that must have equally many."""
    together = {name: by_topic[name] for name, topic in CATALOGUE.items() if topic.together and name in by_topic}
    counts = set(together.values())
    listed = ", ".join(f"{name} has {count}" for name, count in together.items())
    if len(counts) > 1:
        raise ConfigError(f"topics: unequal numbers of partitions: {listed}: make them equal")
    if counts and asked is not None and counts != {asked}:
        raise ConfigError(f"topics: {asked} partitions asked for, but {listed}: leave the number out")
    return counts.pop() if counts else asked or CATALOGUE[AGENT_EVENTS].partitions


async def _check_timestamps(admin: AIOKafkaAdminClient, bootstrap: str, counts: Mapping[str, int]) -> None:
    """Time is the log's, so agents must not set it. A broker that states no type has only one way (the embedded)."""
    if AGENT_EVENTS not in counts:
        return
    code, message, settings = await _settings(admin)
    if code:
        raise ConfigError(f"topic {AGENT_EVENTS}: {_reason(code, message)}: allow DescribeConfigs on it")
    stated = {setting[0]: setting[1] for setting in settings}.get(TIMESTAMP_TYPE)
    if stated not in (None, CATALOGUE[AGENT_EVENTS].timestamp_type):
        raise ConfigError(
            f"topic {AGENT_EVENTS}: {TIMESTAMP_TYPE} is {stated}, must be LogAppendTime: run kafka-configs.sh "
            f"--bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {AGENT_EVENTS} "
            f"--add-config {TIMESTAMP_TYPE}=LogAppendTime"
        )


async def _settings(admin: AIOKafkaAdminClient) -> tuple[int, str | None, Any]:
    """(error code, message, settings), once the broker that is asked knows the topic."""
    deadline_s = time.monotonic() + VISIBLE_S_MAX
    while True:
        # Unfiltered: the embedded broker drops the connection when asked for one setting.
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, AGENT_EVENTS)])
        (code, message, _, _, settings) = answer.resources[0]
        if code != UnknownTopicOrPartitionError.errno or time.monotonic() > deadline_s:
            return code, message, settings
        await asyncio.sleep(0.02)  # no broker notifies


def _new(topic: Topic, number: int, copies: int) -> NewTopic:
    # With three copies an acknowledged record survives the loss of a broker, and writes go on without one.
    configs = topic.configs() | {"min.insync.replicas": str(max(1, copies - 1))}
    return NewTopic(topic.name, number if topic.together else topic.partitions, copies, topic_configs=configs)


async def _create(admin: AIOKafkaAdminClient, bootstrap: str, topics: list[NewTopic]) -> list[str]:
    if not topics:
        return []
    created = []
    for name, code, message in (await admin.create_topics(topics)).topic_errors:
        if not code:
            created.append(name)
        elif code != TopicAlreadyExistsError.errno:
            raise ConfigError(f"broker {bootstrap}: topic {name} was refused: {_reason(code, message)}")
    return created


async def _visible(admin: AIOKafkaAdminClient, bootstrap: str) -> dict[str, int]:
    """Wait until each topic has its leaders: a broker learns of a new topic a little after it was created."""
    try:
        async with asyncio.timeout(VISIBLE_S_MAX):
            while CATALOGUE.keys() - (counts := await _partition_counts(admin)).keys():  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # no broker notifies
            return counts
    except TimeoutError as error:
        raise ConfigError(
            f"broker {bootstrap}: topics without a leader for {VISIBLE_S_MAX:g} s: are enough brokers up?"
        ) from error


def _reason(code: int, message: str | None) -> str:
    return message or str(for_code(code).__name__)


class Admin(AIOKafkaAdminClient):  # type: ignore[misc]
    """Kafka's admin client, which asks another broker where the one it asked is gone; raises the last one's error.

    aiokafka 0.14 asks one at random of those that the metadata names, and a broker that died is named there for some
    seconds more: with one of three away, every third question fails.
    """

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()] if node_id is None else [node_id]
        random.shuffle(nodes)
        for node in nodes[:-1]:
            try:
                return await super()._send_request(request, node)
            except (NodeNotReadyError, KafkaConnectionError):
                continue
        return await super()._send_request(request, nodes[-1] if nodes else None)
