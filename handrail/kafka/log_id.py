"""Which log a broker serves: the cluster's id, and those of topics; a topic that is made again gets another id.

aiokafka 0.14 asks for metadata in a version that has no ids of topics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v2
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

UUID_BYTES = 16
NO_ID = UUID(int=0)


class Uuid:
    """An id of Kafka on the wire."""

    @staticmethod
    def encode(value: UUID) -> bytes:
        """Sixteen bytes."""
        return value.bytes

    @staticmethod
    def decode(data: BytesIO) -> UUID:
        """Of sixteen bytes. Raises ValueError where there are fewer."""
        return UUID(bytes=data.read(UUID_BYTES))


TAGS = ("tags", TaggedFields)
NAME = CompactString("utf-8")
_BROKER = (("node_id", Int32), ("host", NAME), ("port", Int32), ("rack", NAME), TAGS)
_PARTITION = (
    *(("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32)),
    *((name, CompactArray(Int32)) for name in ("replicas", "isr", "offline_replicas")),
    TAGS,
)
_TOPIC = (
    *(("error_code", Int16), ("topic", NAME), ("topic_id", Uuid), ("is_internal", Boolean)),
    *(("partitions", CompactArray(*_PARTITION)), ("operations", Int32), TAGS),
)


class MetadataResponse_v12(Response):  # type: ignore[misc]  # noqa: N801 (as aiokafka names them)
    """The first answer with ids of topics that any topic may be asked for by its name."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", NAME),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        TAGS,
    )


class MetadataRequest_v12(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """Brokers know it since Kafka 3.1."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = MetadataResponse_v12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", NAME), TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        TAGS,
    )


class IdsRequest(Request[MetadataRequest_v2 | MetadataRequest_v12]):  # type: ignore[misc]
    """Metadata of some topics, in the newest version that the broker knows; it makes none of them."""

    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[tuple[UUID, str, dict[int, bytes]]] = [(NO_ID, name, {}) for name in topics]

    def build(self, request_struct_class: Any) -> Any:
        """The request as it is sent; an older broker is asked for its cluster's id alone."""
        if request_struct_class is MetadataRequest_v2:
            return MetadataRequest_v2([])
        return MetadataRequest_v12(self._topics, False, False, {})


@dataclass(frozen=True, slots=True)
class LogId:
    """Two that differ are two logs. `topics` has the ids that the broker returned; brokers before 3.1 return none."""

    cluster: str
    topics: Mapping[str, str]

    def changed(self, now: "LogId") -> str:
        """What has changed, in words; empty where it is the same log, as far as both are known."""
        if self.cluster and now.cluster and self.cluster != now.cluster:
            return f"is cluster {now.cluster} now, was {self.cluster}"
        for name, topic_id in now.topics.items():
            if self.topics.get(name, topic_id) != topic_id:
                return f"topic {name} was deleted and made again (id {topic_id}, was {self.topics[name]})"
        return ""

    def with_topics(self, now: "LogId") -> "LogId":
        """The same log, with the topics that only `now` has."""
        return self if now.topics.keys() <= self.topics.keys() else LogId(self.cluster, {**now.topics, **self.topics})


async def log_id(bootstrap: str, topics: Iterable[str], **options: Any) -> LogId:
    """The log at an address, over a connection of its own. `options`: as aiokafka's connections take them.

    Raises KafkaError or OSError.
    """
    error: Exception = KafkaConnectionError(f"no address in {bootstrap!r}")
    for host, port, _ in collect_hosts(bootstrap):
        try:
            connection = await create_conn(host, port, **options)
        except (KafkaError, OSError) as raised:
            error = raised
            continue
        try:
            return await ask_log_id(connection, topics)
        except (KafkaError, OSError) as raised:
            error = raised
        finally:
            connection.close()
    raise error


async def ask_log_id(connection: AIOKafkaConnection, topics: Iterable[str]) -> LogId:
    """The log that the broker at the other end serves. Raises KafkaError or OSError."""
    answer = await connection.send(IdsRequest(topics))
    ids = {}
    if answer.API_VERSION >= MetadataResponse_v12.API_VERSION:
        ids = {topic: str(topic_id) for code, topic, topic_id, *_ in answer.topics if not code and topic_id != NO_ID}
    return LogId(answer.cluster_id or "", ids)
