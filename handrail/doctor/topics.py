"""Whether every topic is there and set as Handrail needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from handrail.doctor.broker import Broker
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, Topic
from handrail.streams.engine.topics import TIMESTAMP_TYPE

COPIES = 3
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker describes it; `copies` is the smallest number of any partition."""

    partitions: int
    leaderless: int
    copies: int
    in_sync: int
    configs: Mapping[str, str]


async def look(broker: Broker) -> list[Line]:
    """A line for each topic with a fault, and one for all others."""
    found = await _found(broker)
    faults = {name: list(_topic(CATALOGUE[name], one)) for name, one in found.items()}
    good = [one for name, one in found.items() if not faults[name]]
    return [
        *_good(good),
        *_missing([name for name in CATALOGUE if name not in found]),
        *(line for lines in faults.values() for line in lines),
        *_together({name: one.partitions for name, one in found.items() if CATALOGUE[name].together}),
    ]


async def _found(broker: Broker) -> dict[str, Found]:
    """All topics are asked for, never some by name: the embedded broker creates what it is asked for."""
    described = {topic["topic"]: topic["partitions"] for topic in await broker.admin.describe_topics()}
    there = [name for name in CATALOGUE if described.get(name)]
    configs = await _configs(broker, there)
    return {name: _read(described[name], configs.get(name, {})) for name in there}


async def _configs(broker: Broker, names: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await broker.admin.describe_configs(asked) if asked else []
    resources = [resource for answer in answers for resource in answer.resources]
    return {name: {one[0]: one[1] for one in settings} for code, _, _, name, settings in resources if not code}


def _read(partitions: list[dict[str, Any]], configs: Mapping[str, str]) -> Found:
    return Found(
        len(partitions),
        sum(one["leader"] < 0 for one in partitions),
        min(len(one["replicas"]) for one in partitions),
        min(len(one["isr"]) for one in partitions),
        configs,
    )


def _good(good: list[Found]) -> Iterator[Line]:
    if good:
        copies = min(one.copies for one in good)
        note = f"{copies} of {COPIES} copies: one lost disk is a lost log" if copies < COPIES else ""
        yield ok("topics", f"{len(good)} of {len(CATALOGUE)} are as they should be", note)


def _missing(names: list[str]) -> Iterator[Line]:
    if names:
        listed = "none is there" if len(names) == len(CATALOGUE) else f"not there: {', '.join(names)}"
        yield warn("topics", listed, "`handrail up` and `handrail worker` make them; or make them as the docs say")


def _topic(topic: Topic, found: Found) -> Iterator[Line]:
    name = topic.name
    if found.leaderless:
        yield wrong("topics", f"{name}: {found.leaderless} partitions without a leader", "are all brokers up?")
    elif found.in_sync < found.copies:
        mend = "is a broker down, or slow?"
        yield warn("topics", f"{name}: only {found.in_sync} of {found.copies} copies are in step", mend)
    if not found.configs:
        yield warn("topics", f"{name}: its settings cannot be read", "allow DescribeConfigs on it")
        return
    yield from _settings(topic, found.configs)


def _settings(topic: Topic, configs: Mapping[str, str]) -> Iterator[Line]:
    """What was set otherwise. Retention may be chosen, but not unknowingly; the rest may not."""
    wanted = topic.configs()
    stamped = configs.get(TIMESTAMP_TYPE, wanted[TIMESTAMP_TYPE])
    if topic.name == AGENT_EVENTS and stamped != wanted[TIMESTAMP_TYPE]:
        told = f"{topic.name}: {TIMESTAMP_TYPE} is {stamped}: agents could set the time, so workers refuse to start"
        yield wrong("topics", told, _alter(topic.name, TIMESTAMP_TYPE, wanted[TIMESTAMP_TYPE]))
    cleanup = configs.get("cleanup.policy", topic.cleanup_policy)
    if cleanup != topic.cleanup_policy:
        told = f"{topic.name}: cleanup.policy is {cleanup}: records would be lost"
        yield wrong("topics", told, _alter(topic.name, "cleanup.policy", topic.cleanup_policy))
    size = int(configs.get("max.message.bytes", topic.max_message_bytes))
    if size < topic.max_message_bytes:
        told = f"{topic.name}: max.message.bytes is {size}: larger records would be refused, and stop the worker"
        yield wrong("topics", told, _alter(topic.name, "max.message.bytes", str(topic.max_message_bytes)))
    kept = int(configs.get("retention.ms", -1))
    if topic.retention_ms is not None and 0 <= kept < topic.retention_ms:
        told = f"{topic.name}: records are kept for {kept / DAY_MS:g} days, usual are {topic.retention_ms // DAY_MS}"
        yield warn("topics", told, "meant so? `verify`, `backtest` and a sink that stood still see no more than that")


def _alter(name: str, setting: str, value: str) -> str:
    return (
        "kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics "
        f"--entity-name {name} --add-config {setting}={value}"
    )


def _together(counts: Mapping[str, int]) -> list[Line]:
    if len(set(counts.values())) <= 1:
        return []
    listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
    mend = "add partitions to those with fewer while everything is stopped, or begin with empty topics"
    return [wrong("topics", f"unequal numbers of partitions: {listed}", mend)]
