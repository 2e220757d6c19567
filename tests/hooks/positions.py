"""How far a hook's consumer group has come."""

from aiokafka import TopicPartition

from handrail.streams.engine.reading import ends
from tests.brokers import admin_of


async def behind_of(bootstrap: str, group: str, topics: list[str], partitions: int) -> int:
    """Records of these topics that the group has not committed yet."""
    wanted = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    last = await ends(bootstrap, wanted)
    async with admin_of(bootstrap) as admin:
        committed = await admin.list_consumer_group_offsets(group, partitions=wanted)
    return sum(max(0, last[tp] - max(0, committed[tp].offset)) for tp in wanted)
