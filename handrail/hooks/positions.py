"""From where a hook's consumer group goes on."""

from collections.abc import Sequence
from typing import Literal

from aiokafka import TopicPartition

from handrail.streams.engine.reading import beginnings, ends
from handrail.streams.engine.topics import Admin

Places = dict[TopicPartition, tuple[int, str]]
"""The position, and the metadata of its commit."""


async def starting(
    bootstrap: str, group: str, partitions: Sequence[TopicPartition], since: Literal["now", "beginning"]
) -> Places:
    """Where each partition is read from: its last commit, else where the hook says. Raises what aiokafka raises.

    A commit behind the end of its partition is of a log that is gone: what is there now is read from its beginning.
    """
    if not partitions:
        return {}
    admin = Admin(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        known = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    finally:
        await admin.close()
    places = {tp: (one.offset, one.metadata or "") for tp, one in known.items() if one.offset >= 0}
    last = await ends(bootstrap, places)
    if gone := [tp for tp, (offset, _) in places.items() if offset > last[tp]]:
        first = await beginnings(bootstrap, gone)
        places |= {tp: (first[tp], "") for tp in gone}
    if new := [tp for tp in partitions if tp not in places]:
        first = await (ends if since == "now" else beginnings)(bootstrap, new)
        places |= {tp: (first[tp], "") for tp in new}
    return places
