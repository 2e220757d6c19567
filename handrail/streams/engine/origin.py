"""Which log the states of a partition were folded from: those of another one are no states of this one."""

import asyncio
import time

from aiokafka import TopicPartition

from handrail.kafka.log_id import LogId
from handrail.schemas.errors import EngineError
from handrail.schemas.topics import AGENT_EVENTS, STATES
from handrail.streams.engine.ends import ends

LOG = "log"  # header of a partition's own state
BEHIND_S_MAX = 10.0  # a new leader may tell of the last records a little later
AGAIN_S = 0.5
TODO = f"end all workers, delete the topic {STATES}, start them again: the states are folded anew, from what is there"


def of(log: LogId) -> bytes:
    """What the states of a log are marked with; empty where its broker tells no ids of topics."""
    return log.topics.get(AGENT_EVENTS, "").encode()


def check_mark(number: int, found: bytes | None, mine: bytes) -> None:
    """Raises EngineError where the states were folded from another log than this worker reads."""
    if found is not None and mine and found != mine:
        raise EngineError(
            f"{STATES}[{number}]: its states are of another {AGENT_EVENTS} (id {found.decode(errors='replace')}) "
            f"than the one that is there (id {mine.decode()}): {TODO}"
        )


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
