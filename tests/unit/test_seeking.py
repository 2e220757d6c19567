"""A partition that leaves while Faust looks for the place to go on from."""

from collections.abc import Mapping

from aiokafka.errors import IllegalStateError
from faust.types import TP

from handrail.streams.engine.consumer import BatchConsumer


class Losing(BatchConsumer):
    """A consumer whose partition goes to somebody else between the question and the seek."""

    def __init__(self) -> None:
        self._read_offset: dict[TP, int | None] = {}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        raise IllegalStateError("No current assignment for partition TopicPartition(topic='t', partition=1)")


async def test_a_partition_that_has_left_is_not_sought_and_ends_nothing() -> None:
    await Losing().perform_seek()
