"""How far a consumer group has come."""

from aiokafka import TopicPartition

from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS
from handrail.streams.engine.ends import ends
from tests.brokers import admin_of


async def behind(bootstrap: str, group: str, partitions: int) -> int:
    """Records of the topics that workers read that are not committed yet."""
    wanted = [TopicPartition(topic, number) for topic in (AGENT_EVENTS, RESOLUTIONS) for number in range(partitions)]
    last = await ends(bootstrap, wanted)
    async with admin_of(bootstrap) as admin:
        committed = await admin.list_consumer_group_offsets(group, partitions=wanted)
    return sum(max(0, last[tp] - max(0, committed[tp].offset)) for tp in wanted)
