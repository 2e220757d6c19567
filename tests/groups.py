"""Consumer groups of tests: one for each test, and how far it has come."""

import itertools
import os

from aiokafka import TopicPartition

from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS
from handrail.streams.engine.reading import ends
from tests.brokers import admin_of

GROUP, HOOKS_GROUP = "HANDRAIL_GROUP", "HANDRAIL_HOOKS_GROUP"
_numbers = itertools.count(1)


def workers_group() -> str:
    """The group of the workers that this test starts."""
    return os.environ.get(GROUP, "handrail")


def hooks_group(hook: str) -> str:
    """The group of one hook of the processes that this test starts."""
    return f"{os.environ.get(HOOKS_GROUP, 'handrail-hooks')}.{hook}"


def groups_of_its_own() -> dict[str, str]:
    """Settings for a test on a broker that others had before it, whose members may still be in their groups."""
    number = next(_numbers)
    return {GROUP: f"handrail-{number}", HOOKS_GROUP: f"handrail-hooks-{number}"}


async def behind(bootstrap: str, group: str, partitions: int) -> int:
    """Records of the topics that workers read that the group has not committed."""
    wanted = [TopicPartition(topic, number) for topic in (AGENT_EVENTS, RESOLUTIONS) for number in range(partitions)]
    last = await ends(bootstrap, wanted)
    async with admin_of(bootstrap) as admin:
        committed = await admin.list_consumer_group_offsets(group, partitions=wanted)
    return sum(max(0, last[tp] - max(0, committed[tp].offset)) for tp in wanted)
