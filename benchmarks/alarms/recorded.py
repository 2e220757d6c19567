"""Series that others have labelled: NAB (github.com/numenta/NAB) and TCPD (github.com/alan-turing-institute/TCPD).

A value becomes its rank among those of the baseline, from 0 to 1, and a block of values their mean: all detectors get
that. Ours watches both ways. After each alarm it takes a new baseline; river's detectors begin anew by themselves.
"""

import csv
import gzip
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alarms.peers import PEERS
from benchmarks.recorded import RECORDED
from benchmarks.report.tables import table
from handrail.streams.quality.detector import DAYS_MIN, Day, Direction, Reference, State, alarm, update

NAB, TCPD = RECORDED.with_name("nab"), RECORDED.with_name("tcpd_changepoints")
NAB_BLOCK, TCPD_AFTER = 12, 20
ARL_BLOCKS = 365.0


@dataclass(frozen=True)
class Series:
    """Values in blocks of `size`, and the windows of blocks (first, last) in which an alarm is right."""

    name: str
    values: list[float]
    size: int
    windows: list[tuple[int, int]]

    def blocks(self) -> list[Day]:
        """Sums of ranks among the values of the baseline."""
        baseline = sorted(self.values[: DAYS_MIN * self.size])
        ranks = [(bisect_left(baseline, one) + bisect_right(baseline, one)) / 2 / len(baseline) for one in self.values]
        whole = range(0, len(ranks) - self.size + 1, self.size)
        return [Day(self.size, sum(ranks[at : at + self.size])) for at in whole]


def series() -> str:
    """Recorded series with labelled changes: windows that were found, and alarms outside of all."""
    rows = []
    for name, found in (("NAB", list(nab())), ("TCPD", list(tcpd()))):
        rows += [(name, len(found), *_row(detector, find, found)) for detector, find in _detectors().items()]
    head = ("series", "how many", "detector", "windows found", "alarms outside", "of them in 1,000 blocks")
    return table(head, rows)


def _row(name: str, find: Callable[[list[Day]], list[int]], told: list[Series]) -> tuple[object, ...]:
    hit = windows = false = blocks = 0
    for one in told:
        alarms = find(one.blocks())
        windows += len(one.windows)
        hit += sum(any(first <= at <= last for at in alarms) for first, last in one.windows)
        false += sum(not any(first <= at <= last for first, last in one.windows) for at in alarms)
        blocks += len(one.blocks()) - DAYS_MIN
    return name, f"{hit} of {windows}", false, f"{false / blocks * 1000:.1f}"


def _detectors() -> dict[str, Callable[[list[Day]], list[int]]]:
    peers = {peer.name: peer.make for peer in PEERS if peer.name != "ADWIN"}

    def by(make: Callable[[], object]) -> Callable[[list[Day]], list[int]]:
        return lambda blocks: list(_theirs(make(), blocks))

    return {"day-robust e-CUSUM (ours)": lambda blocks: list(_ours(blocks))} | {
        name: by(make) for name, make in peers.items()
    }


def _ours(blocks: Sequence[Day]) -> Iterator[int]:
    start = 0
    while start + DAYS_MIN < len(blocks):
        found = [_first(blocks, start, direction) for direction in Direction]
        told = [at for at in found if at is not None]
        if not told:
            return
        yield min(told)
        start = min(told) + 1


def _first(blocks: Sequence[Day], start: int, direction: Direction) -> int | None:
    reference = Reference.of(blocks[start : start + DAYS_MIN], direction)
    if reference is None:
        return None
    state = State()
    for at in range(start + DAYS_MIN, len(blocks)):
        state = update(state, reference, blocks[at])
        if alarm(state, 2 * ARL_BLOCKS):
            return at
    return None


def _theirs(detector: object, blocks: Sequence[Day]) -> Iterator[int]:
    for at, block in enumerate(blocks):
        detector.update(block.k / block.n)  # type: ignore[attr-defined]
        if detector.drift_detected and at >= DAYS_MIN:  # type: ignore[attr-defined]
            yield at


def nab() -> Iterator[Series]:
    """Its labelled windows, in blocks of NAB_BLOCK values; those that begin inside the baseline are left out."""
    for name, windows in json.loads((NAB / "windows.json").read_text()).items():
        path = NAB / f"{name}.gz"
        if not path.is_file():
            continue
        with gzip.open(path, "rt") as file:
            rows = list(csv.DictReader(file))
        times = [row["timestamp"] for row in rows]
        found = [
            (bisect_left(times, first[:19]) // NAB_BLOCK, bisect_right(times, last[:19]) // NAB_BLOCK)
            for first, last in windows
        ]
        told = [one for one in found if one[0] >= DAYS_MIN]
        yield Series(name, [float(row["value"]) for row in rows], NAB_BLOCK, told)


def tcpd() -> Iterator[Series]:
    """Changes that at least two annotators see within two values of each other, and TCPD_AFTER values after each."""
    for name, by_annotator in json.loads((TCPD / "annotations.json").read_text()).items():
        values = _values(TCPD / f"{name}.json")
        if len(values) < 2 * DAYS_MIN:
            continue
        marks = sorted({mark for found in by_annotator.values() for mark in found if mark >= DAYS_MIN})
        agreed = [
            mark
            for mark in marks
            if sum(any(abs(mark - one) <= 2 for one in found) for found in by_annotator.values()) >= 2
        ]
        windows: list[tuple[int, int]] = []
        for mark in agreed:
            if not windows or mark > windows[-1][0] + 2:
                windows.append((mark, mark + TCPD_AFTER))
        yield Series(name, values, 1, windows)


def _values(path: Path) -> list[float]:
    raw = json.loads(path.read_text())["series"][0]["raw"]
    kept: list[float] = []
    for value in raw:
        kept.append(float(value) if value is not None else kept[-1])
    return kept
