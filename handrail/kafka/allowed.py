"""What the principal of a login may do, as the brokers themselves say it; that needs no right to look at ACLs.

aiokafka 0.14 logs a topic that it may not see, and then waits for it as for one that is yet to be made: whoever starts
asks here first.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from handrail.kafka.cluster import Cluster
from handrail.kafka.log_id import NO_ID, MetadataRequest_v12
from handrail.kafka.rights import OPERATIONS, Right

NOT_TOLD = -(2**31)
REFUSED = (29, 30, 31)  # errors of topics, groups and the cluster: nothing is allowed there
NO_COORDINATOR = (14, 15, 16)  # loading, none yet, another one
COORDINATED_S_MAX, AGAIN_S = 10.0, 0.1
NAME = CompactString("utf-8")
TAGS = ("tags", TaggedFields)


class TopicsRequest(Request[MetadataRequest_v12]):  # type: ignore[misc]
    """Metadata of topics, with what may be done with each."""

    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[tuple[Any, ...]] = [(NO_ID, name, {}) for name in topics]

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._topics, False, True, {})


class DescribeClusterResponse_v0(Response):  # type: ignore[misc]  # noqa: N801 (as aiokafka names them)
    API_KEY = 60
    API_VERSION = 0
    SCHEMA = Schema(
        *(("throttle_time_ms", Int32), ("error_code", Int16), ("error_message", NAME), ("cluster_id", NAME)),
        ("controller_id", Int32),
        ("brokers", CompactArray(("broker_id", Int32), ("host", NAME), ("port", Int32), ("rack", NAME), TAGS)),
        *(("operations", Int32), TAGS),
    )


class DescribeClusterRequest_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801
    FLEXIBLE_VERSION = True
    API_KEY = 60
    API_VERSION = 0
    RESPONSE_TYPE = DescribeClusterResponse_v0
    SCHEMA = Schema(("include_cluster_authorized_operations", Boolean), TAGS)


class ClusterRequest(Request[DescribeClusterRequest_v0]):  # type: ignore[misc]
    """The cluster, with what may be done with it."""

    API_KEY = 60

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(True, {})


class GroupsRequest_v3(DescribeGroupsRequest_v3):  # type: ignore[misc]  # noqa: N801
    """aiokafka's reads the answer as that of version 2."""

    RESPONSE_TYPE = DescribeGroupsResponse_v3


class GroupRequest(Request[GroupsRequest_v3]):  # type: ignore[misc]
    """One group, with what may be done with it; asked of its coordinator."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([self._group], True)


async def lacking(cluster: Cluster, rights: Iterable[Right]) -> tuple[Right, ...]:
    """Those of the rights that the principal lacks, in their order. Of a prefix the name itself is asked.

    Of a topic or group that it may not even see, brokers tell nothing: all rights on that are among them.
    Raises KafkaError or OSError: brokers cannot be asked, or tell no rights (before Kafka 3.1).
    """
    wanted = tuple(rights)
    async with _connected(cluster, *_first(cluster)) as connection:
        allowed = await _topics(connection, {right.name for right in wanted if right.kind == "topic"})
        if any(right.kind == "cluster" for right in wanted):
            allowed["cluster", ""] = _bits(await connection.send(ClusterRequest()))
        for name in {right.name for right in wanted if right.kind == "group"}:
            allowed["group", name] = await _group(connection, cluster, name)
    return tuple(right for right in wanted if not allowed[_key(right)] >> OPERATIONS[right.operation] & 1)


def _key(right: Right) -> tuple[str, str]:
    return (right.kind, "" if right.kind == "cluster" else right.name)


async def _topics(connection: AIOKafkaConnection, names: set[str]) -> dict[tuple[str, str], int]:
    if not names:
        return {}
    answer = await connection.send(TopicsRequest(sorted(names)))
    return {("topic", name): _allowed_bits(code, operations) for code, name, *_, operations, _ in answer.topics}


async def _group(connection: AIOKafkaConnection, cluster: Cluster, name: str) -> int:
    """Brokers make the first coordinator of their life when it is asked for, and it loads for a while."""
    until_s = time.monotonic() + COORDINATED_S_MAX
    while True:
        code, operations = await _coordinated(connection, cluster, name)
        if code not in NO_COORDINATOR or time.monotonic() > until_s:
            return _allowed_bits(code, operations)
        await asyncio.sleep(AGAIN_S)


async def _coordinated(connection: AIOKafkaConnection, cluster: Cluster, name: str) -> tuple[int, int]:
    """The error's code, and the bits."""
    place = await connection.send(FindCoordinatorRequest(name, 0))
    if place.error_code:
        return place.error_code, NOT_TOLD
    async with _connected(cluster, (place.host, place.port)) as coordinator:
        ((code, *_, operations),) = (await coordinator.send(GroupRequest(name))).groups
        return code, operations


def _bits(answer: Any) -> int:
    return _allowed_bits(answer.error_code, answer.operations)


def _allowed_bits(code: int, operations: int) -> int:
    """The bits of what is allowed; an answer without them is no answer. Raises KafkaError."""
    if code in REFUSED:
        return 0
    if operations == NOT_TOLD:
        raise for_code(code)() if code else KafkaError("the broker does not tell what may be done")
    return operations


def _first(cluster: Cluster) -> list[tuple[str, int]]:
    return [(host, port) for host, port, _ in collect_hosts(cluster.bootstrap)]


@asynccontextmanager
async def _connected(cluster: Cluster, *places: tuple[str, int]) -> AsyncIterator[AIOKafkaConnection]:
    """A connection to the first of the places that lets this client in. Raises the last one's error."""
    error: Exception = KafkaConnectionError(f"no address in {cluster.bootstrap!r}")
    for host, port in places:
        try:
            connection = await create_conn(host, port, **cluster.connection())
        except (KafkaError, OSError) as failure:
            error = failure
            continue
        try:
            yield connection
        finally:
            await connection.close()
        return
    raise error
