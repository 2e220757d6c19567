"""Brokers for tests: what the fixtures of conftest.py start, and how one is made as good as new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupIdNotFound, NonEmptyGroup, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

WIPE_S_MAX = 60


@asynccontextmanager
async def admin_of(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for the length of a block."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def wipe(bootstrap: str) -> None:
    """No topic is left on the cluster, and no consumer group that has no member.

    A member that was killed stays in its group until its session ends, so that the next test has a group of its own.
    """
    async with asyncio.timeout(WIPE_S_MAX), admin_of(bootstrap) as admin:
        await _delete_groups(admin)
        while await _delete_topics(admin):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # no broker tells when


async def _delete_groups(admin: AIOKafkaAdminClient) -> None:
    for group, _ in await admin.list_consumer_groups():
        node = await admin.find_coordinator(group)
        answer = await admin._send_request(DeleteGroupsRequest([group]), node)
        _check(answer.results, (GroupIdNotFound, NonEmptyGroup))


async def _delete_topics(admin: AIOKafkaAdminClient) -> int:
    """Ask for the deletion of each topic; how many there were."""
    topics = [topic for topic in await admin.list_topics() if not topic.startswith("__")]
    if topics:
        _check((await admin.delete_topics(topics)).topic_error_codes, (UnknownTopicOrPartitionError,))
    return len(topics)


def _check(answers: list[tuple[str, int]], allowed: tuple[type[Exception], ...]) -> None:
    for name, code in answers:
        if code and not issubclass(for_code(code), allowed):
            raise for_code(code)(name)
