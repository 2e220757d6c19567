"""Verify exported files: the events folded again beside the decisions, without a broker."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from handrail.audit.begin import begin_of, cut_off
from handrail.audit.compare import Comparing, Tell, lived, recheck
from handrail.audit.comparison import Comparison
from handrail.audit.decided import Decided, key_of, partition_of, read
from handrail.audit.exported import place_of
from handrail.audit.folding import Rules
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.streams.governor.replay import placed, unplaced


async def verify(events: Path, decisions: Path, rules: Rules, tell: Tell) -> list[Comparison]:
    """The comparison of each partition that the files name. Raises ConfigError where a file cannot be used."""
    rules = replace(rules, begins=_begins(events))
    with closing(opened(decisions)) as found:
        lives = await lived(_decisions(found, decisions), rules) if rules.begins else None
    with closing(opened(events)) as told, closing(opened(decisions)) as found:
        comparing = Comparing(_records(told, events, rules), rules, tell, lives=lives)
        await comparing.take(_decisions(found, decisions))
        await comparing.fold_all()
    for comparison in comparing.comparisons.values():
        if comparison.suspects:
            with closing(opened(events)) as again:
                await recheck(comparison, _records(again, events, rules), rules)
        comparison.end()
    return [comparison for _, comparison in sorted(comparing.comparisons.items())]


def opened(path: Path) -> BinaryIO:
    """The exported file. Raises ConfigError where it cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file of `handrail export`") from error


def _begins(path: Path) -> dict[int, Mapping[str, Any]]:
    """The snapshot that each partition begins at which starts in the middle. Raises ConfigError where there is none."""
    firsts, found = dict[int, int](), dict[int, Mapping[str, Any]]()
    with closing(opened(path)) as lines:
        for line in lines:
            raw = read(line) or {}
            partition, offset = place_of(raw)
            if partition is None or offset is None:
                continue
            first = firsts.setdefault(partition, offset)
            if first and partition not in found and raw.get("subject") == CONTROL_KEY:
                data = begin_of(line, offset, first)
                found |= {} if data is None else {partition: data}
    for partition, first in sorted(firsts.items()):
        if first and partition not in found:
            raise cut_off(partition, first, f"{path}: ")
    return found


async def _records(lines: Iterable[bytes], path: Path, rules: Rules) -> AsyncIterator[Record]:
    for number, (record, raw) in enumerate(placed(line.rstrip(b"\r\n") for line in lines), 1):
        if None in place_of(raw):
            raise ConfigError(
                f"{path}: record {number}: has no logpartition and logoffset: export it with this version"
            )
        if record.offset > rules.start(record.partition):
            yield record


async def _decisions(lines: Iterable[bytes], path: Path) -> AsyncIterator[Decided]:
    for one in decided(lines, path):
        yield one


def decided(lines: Iterable[bytes], path: Path) -> Iterator[Decided]:
    """Each line as it lay on the topic; what does not say where is where its decision says that it belongs.

    Raises ConfigError at a line that no export has written: an export leaves out what is no JSON object.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        raw = read(line)
        if raw is None:
            raise ConfigError(f"{path}: line {number}: is no JSON object: the file is damaged; export it again")
        partition, offset = place_of(raw)
        if partition is None:
            named = partition_of(raw) if key_of(raw) is not None else None
            partition = named if isinstance(named, int) else 0
        yield Decided(partition, -1 if offset is None else offset, orjson.dumps(unplaced(raw)))
