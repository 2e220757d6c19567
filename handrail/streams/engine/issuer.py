"""Control records onto the log: each says who issues it, for which partition and as which of theirs, and is signed."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import orjson

from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import EngineError
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.producer import Producer, Row, Written
from handrail.streams.governor.partition import PartitionFold

NEEDED = ("decisions", "controls")


class Issuer:
    """One process that writes control records. `key` None: they are not signed, which counts where nothing is.

    Each has a name of its own, so that its numbers run on whatever others write. They come from the clock, so that of
    an issuer that was forgotten none counts a second time.
    """

    def __init__(self, producer: Producer, key: SigningKey | None, kind: str) -> None:
        self.producer, self.key = producer, key
        self.name = f"/handrail/{kind}/{uuid4().hex[:12]}"
        self._seq = 0

    async def write(self, partition: int, event: Mapping[str, Any], floor: int = 0) -> Written:
        """One control record, alone in its batch: a produce that is tried twice writes it twice in a row, which counts
        once. Its number is above `floor`.
        """
        (written,) = await self.producer.write(AGENT_EVENTS, partition, [self._row(partition, event, floor)])
        return written

    async def copy(self, partition: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Copies of what people said, which repeat by their own identity."""
        await self.producer.write(AGENT_EVENTS, partition, [self._row(partition, event, 0) for event in events])

    def check(self, fold: PartitionFold) -> None:
        """Whether what this process writes counts in the partition. Raises EngineError where it would not."""
        if not (keys := fold.keys):
            return
        mine = keys.get(self.key.id) if self.key is not None else None
        if mine is None or not set(NEEDED) <= set(mine.uses):
            have = f"key {self.key.id} is not one of them" if self.key is not None else "this worker has no key"
            may = ", ".join(sorted(name for name, one in keys.items() if set(NEEDED) <= set(one.uses)))
            raise EngineError(
                f"{AGENT_EVENTS}[{fold.number}]: decisions are signed by key {may}, and {have}: start the worker with "
                "--key FILE of that key, or first activate a keys.yaml that names both"
            )

    def _row(self, partition: int, event: Mapping[str, Any], floor: int) -> Row:
        self._seq = max(self._seq + 1, floor + 1, time.time_ns() // 1000)
        data = {**event["data"], "issuer": self.name, "partition": partition, "seq": self._seq}
        signed = sign_record(self.key, {**event, "data": data})
        return Row(event["subject"].encode(), orjson.dumps(signed), CLOUDEVENT)
