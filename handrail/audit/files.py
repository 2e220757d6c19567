"""Verify exported files: the events folded again beside the decisions, without a broker."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import orjson

from handrail.audit.compare import Comparing, Tell, recheck
from handrail.audit.comparison import Comparison
from handrail.audit.decided import Decided, key_of, partition_of, read
from handrail.audit.exported import place_of
from handrail.audit.folding import Rules
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.streams.governor.replay import placed, unplaced


async def verify(events: Path, decisions: Path, rules: Rules, tell: Tell) -> list[Comparison]:
    """The comparison of each partition that the files name. Raises ConfigError where a file cannot be used."""
    with closing(_opened(events)) as told, closing(_opened(decisions)) as found:
        comparing = Comparing(_records(told, events), rules, tell)
        await comparing.take(_decisions(found))
        await comparing.fold_all()
    for comparison in comparing.comparisons.values():
        if comparison.suspects:
            with closing(_opened(events)) as again:
                await recheck(comparison, _records(again, events), rules)
        comparison.end()
    return [comparison for _, comparison in sorted(comparing.comparisons.items())]


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file of `handrail export`") from error


async def _records(lines: Iterable[bytes], path: Path) -> AsyncIterator[Record]:
    for number, (record, raw) in enumerate(placed(line.rstrip(b"\r\n") for line in lines), 1):
        if None in place_of(raw):
            raise ConfigError(
                f"{path}: record {number}: has no logpartition and logoffset: export it with this version"
            )
        yield record


async def _decisions(lines: Iterable[bytes]) -> AsyncIterator[Decided]:
    for one in _decided(lines):
        yield one


def _decided(lines: Iterable[bytes]) -> Iterator[Decided]:
    """Each line as it lay on the topic; what does not say where is where its decision says that it belongs."""
    for line in filter(bytes.strip, lines):
        raw = read(line)
        if raw is None:
            yield Decided(0, -1, line)
            continue
        partition, offset = place_of(raw)
        if partition is None:
            named = partition_of(raw) if key_of(raw) is not None else None
            partition = named if isinstance(named, int) else 0
        yield Decided(partition, -1 if offset is None else offset, orjson.dumps(unplaced(raw)))
