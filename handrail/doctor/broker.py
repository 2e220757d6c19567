"""The broker: whether it answers, who it is and how fast, and whether every topic is set as Handrail needs it."""

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from handrail.doctor.installation import Installation
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, Topic
from handrail.streams.engine.topics import TIMESTAMP_TYPE

ASKS = 5
SLOW_MS = 100
REQUEST_MS_MAX = 5000
EMBEDDED = "embedded-"
COPIES = 3
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Broker:
    """A cluster that answers."""

    admin: AIOKafkaAdminClient
    cluster_id: str
    brokers: int

    @property
    def embedded(self) -> bool:
        """Whether it is the one that `up` and `demo` start."""
        return self.cluster_id.startswith(EMBEDDED)


def resolve(installation: Installation) -> list[Line]:
    """A line for each address that does not resolve."""
    lines = []
    for address in installation.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), int(port))
        except (OSError, ValueError) as error:
            lines.append(wrong("broker", f"{address.strip()}: {error}", "give --bootstrap HOST:PORT of a Kafka broker"))
    return lines


class BrokerConnection:
    """A connection for the length of a block; `check` sets `broker` when one answers."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.broker: Broker | None = None

    async def __aenter__(self) -> Self:
        self._admin = AIOKafkaAdminClient(
            bootstrap_servers=self._installation.bootstrap, request_timeout_ms=REQUEST_MS_MAX
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def check(self) -> list[Line]:
        """Who answers, and how fast."""
        try:
            await self._admin.start()
        except (KafkaError, OSError) as error:
            return [_unreachable(self._installation.bootstrap, error)]
        took_ms, described = await _measure_request(self._admin)
        self.broker = Broker(self._admin, str(described["cluster_id"] or ""), len(described["brokers"]))
        return [_describe_broker(self._installation.bootstrap, self.broker, took_ms)]


async def _measure_request(admin: AIOKafkaAdminClient) -> tuple[float, dict[str, Any]]:
    """The shortest of some requests in milliseconds, which is the network's time, and the response."""
    took_ms = []
    for _ in range(ASKS):
        started = time.perf_counter()
        described: dict[str, Any] = await admin.describe_cluster()
        took_ms.append((time.perf_counter() - started) * 1000)
    return min(took_ms), described


def _describe_broker(bootstrap: str, broker: Broker, took_ms: float) -> Line:
    count = f"{broker.brokers} broker{'s' if broker.brokers > 1 else ''}"
    message = f"{bootstrap}: cluster {broker.cluster_id or 'without an id'}, {count}, a request takes {took_ms:.1f} ms"
    if not broker.cluster_id:
        return wrong("broker", message, "the sink needs a cluster id to know its offsets again")
    if took_ms > SLOW_MS:
        return warn("broker", message, "every decision waits for some requests: run workers nearer to the brokers")
    note = "in memory: its log is gone when it ends; --bootstrap for a Kafka that keeps it" if broker.embedded else ""
    return ok("broker", message, note)


def _unreachable(bootstrap: str, error: Exception) -> Line:
    reason = " ".join(str(error).split()) or type(error).__name__
    remedy = "start one with `handrail up`, or give its address with --bootstrap HOST:PORT"
    return wrong("broker", f"{bootstrap}: nothing answers: {reason}", remedy)


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as the broker describes it; `copies` is the smallest number of any partition."""

    partitions: int
    leaderless: int
    copies: int
    in_sync: int
    configs: Mapping[str, str]


async def check_topics(broker: Broker) -> list[Line]:
    """A line for each topic with a fault, and one for all others."""
    topics = await _describe_topics(broker)
    faults = {name: list(_check_topic(CATALOGUE[name], topic)) for name, topic in topics.items()}
    good = [topic for name, topic in topics.items() if not faults[name]]
    return [
        *_report_good(good),
        *_report_missing([name for name in CATALOGUE if name not in topics]),
        *(line for lines in faults.values() for line in lines),
        *_check_partition_counts(
            {name: topic.partitions for name, topic in topics.items() if CATALOGUE[name].together}
        ),
    ]


async def _describe_topics(broker: Broker) -> dict[str, TopicDescription]:
    """Asks for all topics, never for some by name: the embedded broker creates a topic that it is asked for."""
    described = {topic["topic"]: topic["partitions"] for topic in await broker.admin.describe_topics()}
    existing = [name for name in CATALOGUE if described.get(name)]
    configs = await _describe_configs(broker, existing)
    return {name: _describe(described[name], configs.get(name, {})) for name in existing}


async def _describe_configs(broker: Broker, names: list[str]) -> dict[str, dict[str, str]]:
    requested = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    responses = await broker.admin.describe_configs(requested) if requested else []
    resources = [resource for response in responses for resource in response.resources]
    return {
        name: {setting[0]: setting[1] for setting in settings} for code, _, _, name, settings in resources if not code
    }


def _describe(partitions: list[dict[str, Any]], configs: Mapping[str, str]) -> TopicDescription:
    return TopicDescription(
        len(partitions),
        sum(partition["leader"] < 0 for partition in partitions),
        min(len(partition["replicas"]) for partition in partitions),
        min(len(partition["isr"]) for partition in partitions),
        configs,
    )


def _report_good(good: list[TopicDescription]) -> Iterator[Line]:
    if good:
        copies = min(topic.copies for topic in good)
        note = f"{copies} of {COPIES} copies: one lost disk is a lost log" if copies < COPIES else ""
        yield ok("topics", f"{len(good)} of {len(CATALOGUE)} are as they should be", note)


def _report_missing(names: list[str]) -> Iterator[Line]:
    if names:
        listed = "none is there" if len(names) == len(CATALOGUE) else f"not there: {', '.join(names)}"
        yield warn("topics", listed, "`handrail up` and `handrail worker` make them; or make them as the docs say")


def _check_topic(topic: Topic, description: TopicDescription) -> Iterator[Line]:
    name = topic.name
    if description.leaderless:
        yield wrong("topics", f"{name}: {description.leaderless} partitions without a leader", "are all brokers up?")
    elif description.in_sync < description.copies:
        remedy = "is a broker down, or slow?"
        yield warn("topics", f"{name}: only {description.in_sync} of {description.copies} copies are in step", remedy)
    if not description.configs:
        yield warn("topics", f"{name}: its settings cannot be read", "allow DescribeConfigs on it")
        return
    yield from _check_settings(topic, description.configs)


def _check_settings(topic: Topic, configs: Mapping[str, str]) -> Iterator[Line]:
    """A line for each setting that differs: a warning for retention, which operators may choose."""
    wanted = topic.configs()
    stamped = configs.get(TIMESTAMP_TYPE, wanted[TIMESTAMP_TYPE])
    if topic.name == AGENT_EVENTS and stamped != wanted[TIMESTAMP_TYPE]:
        message = f"{topic.name}: {TIMESTAMP_TYPE} is {stamped}: agents could set the time, so workers refuse to start"
        yield wrong("topics", message, _alter(topic.name, TIMESTAMP_TYPE, wanted[TIMESTAMP_TYPE]))
    cleanup = configs.get("cleanup.policy", topic.cleanup_policy)
    if cleanup != topic.cleanup_policy:
        message = f"{topic.name}: cleanup.policy is {cleanup}: records would be lost"
        yield wrong("topics", message, _alter(topic.name, "cleanup.policy", topic.cleanup_policy))
    size = int(configs.get("max.message.bytes", topic.max_message_bytes))
    if size < topic.max_message_bytes:
        message = f"{topic.name}: max.message.bytes is {size}: larger records would be refused, and stop the worker"
        yield wrong("topics", message, _alter(topic.name, "max.message.bytes", str(topic.max_message_bytes)))
    retention_ms = int(configs.get("retention.ms", -1))
    if topic.retention_ms is not None and 0 <= retention_ms < topic.retention_ms:
        days, usual_days = f"{retention_ms / DAY_MS:g}", topic.retention_ms // DAY_MS
        message = f"{topic.name}: records are kept for {days} days, usual are {usual_days}"
        yield warn(
            "topics", message, "meant so? `verify`, `backtest` and a sink that stood still see no more than that"
        )


def _alter(name: str, setting: str, value: str) -> str:
    return (
        "kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics "
        f"--entity-name {name} --add-config {setting}={value}"
    )


def _check_partition_counts(counts: Mapping[str, int]) -> list[Line]:
    if len(set(counts.values())) <= 1:
        return []
    listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
    remedy = "add partitions to those with fewer while everything is stopped, or begin with empty topics"
    return [wrong("topics", f"unequal numbers of partitions: {listed}", remedy)]
