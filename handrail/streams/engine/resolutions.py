"""What humans did, copied into the conversation's own partition, where it is folded."""

import time
from collections.abc import Sequence

from handrail.schemas.decode import decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Record
from handrail.schemas.topics import DEADLETTERS
from handrail.streams.engine import controls
from handrail.streams.engine.issuer import Issuer
from handrail.streams.engine.producer import Row
from handrail.streams.governor import deadletters
from handrail.streams.governor.deadletters import fold_error


async def copy(issuer: Issuer, partition: int, partitions: int, records: Sequence[Record]) -> None:
    """Every record is copied, or is in the dead letters, when this returns."""
    copies, letters = sort(partitions, records, int(time.time() * 1000))
    await issuer.producer.write(DEADLETTERS, partition, letters)
    await issuer.copy(partition, copies)


def sort(partitions: int, records: Sequence[Record], now_ms: int) -> tuple[list[controls.Event], list[Row]]:
    """(copies, dead letters) of records of `human.resolutions.v1`, in their order. Raises FoldError."""
    copies: list[controls.Event] = []
    letters: list[Row] = []
    for record in records:
        try:
            copies.append(_copied(record, partitions))
        except SchemaError as error:
            found = deadletters.letter(record, deadletters.unread(record, str(error)), now_ms)
            letters.append(Row(found.key, found.value, found.headers))
        except Exception as error:
            raise fold_error(record, error) from error
    return copies, letters


def _copied(record: Record, partitions: int) -> controls.Event:
    raw = decode_resolution(record.value).raw
    subject = raw["subject"]
    if record.key is None or record.key != subject.encode():
        raise SchemaError(f"key: must be the subject {subject!r}: set the Kafka key to the conversation id")
    if (right := partition_of(record.key, partitions)) != record.partition:
        raise SchemaError(
            f"partition: {subject!r} belongs to partition {right}, came in {record.partition}: "
            "partition by Kafka's murmur2 (librdkafka: partitioner=murmur2_random)"
        )
    return controls.resolution(raw, record.timestamp_ms)
