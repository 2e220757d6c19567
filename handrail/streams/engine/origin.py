"""Which log the states of a partition were folded from: states of another log do not count here."""

import asyncio
import time
from dataclasses import dataclass

from aiokafka import TopicPartition

from handrail.kafka.log_id import LogId
from handrail.schemas.errors import EngineError
from handrail.schemas.topics import AGENT_EVENTS, STATES
from handrail.streams.engine.reading import ends

LOG = "log"  # header of a partition's own state
BEHIND_S_MAX = 10.0  # a new leader may know of the last records a little later
AGAIN_S = 0.5
TODO = f"end all workers, delete the topic {STATES}, start them again: the states are folded anew, from what is there"


@dataclass(frozen=True, slots=True)
class Origin:
    """The ids of the topics of events and of states; empty where the broker has no ids of topics."""

    events_id: str = ""
    states_id: str = ""

    @classmethod
    def of(cls, log: LogId) -> "Origin":
        """The origin of states that are folded from this log."""
        return cls(log.topics.get(AGENT_EVENTS, ""), log.topics.get(STATES, ""))

    @property
    def mark(self) -> bytes:
        """The value of the header that marks states of this log."""
        return self.events_id.encode()

    def check(self, number: int, mark: bytes | None) -> None:
        """Raises EngineError where the states were folded from another log than this worker reads."""
        if mark is not None and self.mark and mark != self.mark:
            raise EngineError(
                f"{STATES}[{number}]: its states are of another {AGENT_EVENTS} (id {mark.decode(errors='replace')}) "
                f"than the one that is there (id {self.events_id}): {TODO}"
            )


NO_ORIGIN = Origin()


async def check_end(bootstrap: str, number: int, position: int) -> None:
    """Raises EngineError where the log ends before what was folded of it: what comes would never be decided."""
    tp, until_s = TopicPartition(AGENT_EVENTS, number), time.monotonic() + BEHIND_S_MAX
    while position >= (end := (await ends(bootstrap, [tp]))[tp]):
        if time.monotonic() >= until_s:
            raise EngineError(
                f"{AGENT_EVENTS}[{number}]: ends at offset {end}, and its states were folded up to {position}: "
                f"it was made again, or has lost records: {TODO}"
            )
        await asyncio.sleep(AGAIN_S)
