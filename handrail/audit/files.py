"""Verify exported files: the events folded again beside the decisions, without a broker."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from handrail.audit.beginning import no_snapshot_error, parse_snapshot
from handrail.audit.compare import Comparing, Progress, generations_of, recheck
from handrail.audit.comparison import Comparison
from handrail.audit.decision_records import DecisionRecord, key_of, log_place, parse_event, partition_of
from handrail.audit.rules import Rules
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.streams.governor.replay import placed, unplaced


async def verify(events: Path, decisions: Path, rules: Rules, progress: Progress) -> list[Comparison]:
    """The comparison of each partition that the files name. Raises ConfigError where a file cannot be used."""
    rules = replace(rules, begins=_first_snapshots(events))
    with closing(open_export(decisions)) as decisions_file:
        generations = await generations_of(_decision_stream(decisions_file, decisions), rules) if rules.begins else None
    with closing(open_export(events)) as events_file, closing(open_export(decisions)) as decisions_file:
        comparing = Comparing(_records(events_file, events, rules), rules, progress, generations=generations)
        await comparing.take(_decision_stream(decisions_file, decisions))
        await comparing.fold_all()
    for comparison in comparing.comparisons.values():
        if comparison.suspects:
            with closing(open_export(events)) as events_again:
                await recheck(comparison, _records(events_again, events, rules), rules)
        comparison.end()
    return [comparison for _, comparison in sorted(comparing.comparisons.items())]


def open_export(path: Path) -> BinaryIO:
    """The exported file. Raises ConfigError where it cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file of `handrail export`") from error


def _first_snapshots(path: Path) -> dict[int, Mapping[str, Any]]:
    """The snapshot that each partition begins at which starts in the middle. Raises ConfigError where there is none."""
    firsts, snapshots = dict[int, int](), dict[int, Mapping[str, Any]]()
    with closing(open_export(path)) as lines:
        for line in lines:
            raw = parse_event(line) or {}
            partition, offset = log_place(raw)
            if partition is None or offset is None:
                continue
            first = firsts.setdefault(partition, offset)
            if first and partition not in snapshots and raw.get("subject") == CONTROL_KEY:
                data = parse_snapshot(line, offset, first)
                snapshots |= {} if data is None else {partition: data}
    for partition, first in sorted(firsts.items()):
        if first and partition not in snapshots:
            raise no_snapshot_error(partition, first, f"{path}: ")
    return snapshots


async def _records(lines: Iterable[bytes], path: Path, rules: Rules) -> AsyncIterator[Record]:
    for number, (record, raw) in enumerate(placed(line.rstrip(b"\r\n") for line in lines), 1):
        if None in log_place(raw):
            raise ConfigError(
                f"{path}: record {number}: has no logpartition and logoffset: export it with this version"
            )
        if record.offset > rules.start(record.partition):
            yield record


async def _decision_stream(lines: Iterable[bytes], path: Path) -> AsyncIterator[DecisionRecord]:
    for record in decision_records(lines, path):
        yield record


def decision_records(lines: Iterable[bytes], path: Path) -> Iterator[DecisionRecord]:
    """Each line as it lay on the topic; what does not say where is where its decision says that it belongs.

    Raises ConfigError at a line that no export has written: an export leaves out what is no JSON object.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        raw = parse_event(line)
        if raw is None:
            raise ConfigError(f"{path}: line {number}: is no JSON object: the file is damaged; export it again")
        partition, offset = log_place(raw)
        if partition is None:
            claimed = partition_of(raw) if key_of(raw) is not None else None
            partition = claimed if isinstance(claimed, int) else 0
        yield DecisionRecord(partition, -1 if offset is None else offset, orjson.dumps(unplaced(raw)))
