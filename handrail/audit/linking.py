"""Check that the decisions of a topic, or of an exported file, are linked to each other: no events, no bundles."""

from collections.abc import Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path

from aiokafka import TopicPartition

from handrail.audit.compare import Progress
from handrail.audit.files import decision_records, open_export
from handrail.audit.links import Links
from handrail.audit.live import decision_record, existing_partitions
from handrail.kafka.reachable import reachable
from handrail.schemas.keys import PublicKey
from handrail.schemas.topics import DECISIONS
from handrail.streams.engine.reading import beginnings, ends, stretch

Keys = Mapping[str, PublicKey] | None
"""Public keys by their ids; None where signatures are not checked."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The part of the topic that is checked: all that is there at one moment."""

    first: Mapping[TopicPartition, int]
    end: Mapping[TopicPartition, int]

    @property
    def records(self) -> int:
        """How many there are at most."""
        return sum(self.end.values()) - sum(self.first.values())


async def partitions_of(bootstrap: str) -> Decisions:
    """Raises ConfigError where the broker or the topic is not there."""
    with reachable(bootstrap):
        wanted = await existing_partitions(bootstrap, DECISIONS)
        return Decisions(await beginnings(bootstrap, wanted), await ends(bootstrap, wanted))


async def on_topic(bootstrap: str, span: Decisions, keys: Keys, tp: TopicPartition, progress: Progress) -> Links:
    """The links of one partition. Raises ConfigError where the broker goes away."""
    first = span.first[tp]
    links = Links(tp.partition, first == 0, keys)
    with reachable(bootstrap):
        async with aclosing(stretch(bootstrap, tp, first, span.end[tp])) as records:
            async for record in records:
                links.take(decision_record(record))
                progress(1)
    return links


def in_file(path: Path, keys: Keys, progress: Progress) -> list[Links]:
    """The links of each partition that the file has decisions of. Raises ConfigError where it cannot be read.

    Where the first line of a partition was not the first of its topic, what was before counts as removed by retention.
    """
    partitions: dict[int, Links] = {}
    with closing(open_export(path)) as lines:
        for record in decision_records(lines, path):
            links = partitions.get(record.partition)
            if links is None:
                links = partitions[record.partition] = Links(record.partition, record.offset == 0, keys)
            links.take(record)
            progress(1)
    return [links for _, links in sorted(partitions.items())]
