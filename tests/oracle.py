"""The judge of every run: the pure fold over what is on the log, beside what the workers wrote."""

from collections import Counter
from dataclasses import dataclass

from handrail.schemas.signature import unsigned
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.fetch import record_of
from handrail.streams.governor.partition import PartitionFold
from tests.topics import read

WRITTEN = (DECISIONS, HANDOFFS, ALERTS, DEADLETTERS)
Line = tuple[str, int, bytes | None, bytes, tuple[tuple[str, bytes], ...]]


@dataclass(frozen=True)
class Verdict:
    """How a run compares with the fold: all three must be empty; `copies` counts identical repeats of a record."""

    events: int
    expected: int
    lost: list[Line]
    wrong: list[Line]
    copies: int

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.expected} records expected, {len(self.lost)} lost, "
            f"{len(self.wrong)} wrong or conflicting, {self.copies} identical copies"
        )


async def compare(bootstrap: str, partitions: int) -> Verdict:
    """Fold the log of the broker, and hold the topics beside it."""
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    await bundles.load_all()
    expected: set[Line] = set()
    events = await read(bootstrap, AGENT_EVENTS, partitions)
    for number in range(partitions):
        fold = PartitionFold(number, partitions, bundles.known)
        folded = fold.fold([record_of(record) for record in events if record.partition == number])
        expected |= {(one.topic, number, one.key, one.value, one.headers) for one in folded.outputs}
    found: Counter[Line] = Counter()
    for topic in WRITTEN:
        for record in await read(bootstrap, topic, partitions):
            headers = tuple(record.headers)
            if dict(headers).get("handrail-topic", AGENT_EVENTS.encode()) == AGENT_EVENTS.encode():
                value = unsigned(record.value) if topic == DECISIONS else record.value
                found[(topic, record.partition, record.key, value, headers)] += 1
    return Verdict(
        len(events),
        len(expected),
        lost=sorted(expected - found.keys()),
        wrong=sorted(found.keys() - expected),
        copies=sum(found.values()) - len(found),
    )
