"""What redaction marks in the recorded conversations, how much of it is right, what it misses, and what it costs.

    python -m benchmarks.redaction [FOLDER]

FOLDER holds the recordings and the databases behind them (default: ../shared/data). A mark is right where the database
of the recording's shop knows that address or number; the others are listed for a person to look at. Missed: addresses
and numbers of these databases that can still be read afterwards. Numbers that stay: seven digits and more, which are
orders, items, bookings and payments.
"""

import argparse
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks.recorded import ROOT, log_of, with_imports
from handrail.importers.tau import events
from handrail.schemas.topics import HANDOFFS
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.redaction import redact_record, redact_text
from handrail.streams.governor.redaction.text import spans
from handrail.streams.governor.redaction.view import view

DATA = ROOT.parent / "shared" / "data"
LONG = re.compile(r"(?<![\w.])#?[A-Za-z]{0,3}[0-9]{7,}(?![\w.])")
KNOWN = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]+|\b\d{3}-\d{3}-\d{4}\b")
SHOWN_MAX = 12


@dataclass
class Counts:
    """By kind: marks, those that the databases know, the others in words."""

    marks: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    stayed: int = 0
    texts: int = 0
    characters: int = 0


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def known(folder: Path) -> set[str]:
    """Addresses and phone numbers of the shops' databases and of the tasks that the customers were given."""
    identifiers = set()
    for path in sorted(folder.rglob("*.gz")):
        identifiers |= set(KNOWN.findall(gzip.decompress(path.read_bytes()).decode().lower()))
    return identifiers


def count(paths: list[Path], right: set[str]) -> Counts:
    """Over every text of every event."""
    counts = Counts()
    for path in paths:
        for event in events(path):
            for text in texts(event["data"]):
                _count(counts, text, right)
    return counts


def _count(counts: Counts, text: str, right: set[str]) -> None:
    counts.texts, counts.characters = counts.texts + 1, counts.characters + len(text)
    for span in spans(view(text)):
        value = text[span.start : span.end]
        counts.marks[span.kind] += 1
        if value.lower() in right:
            counts.known[span.kind] += 1
        else:
            counts.others[span.kind, value] += 1
    left = redact_text(text).text
    counts.stayed += len(LONG.findall(left))
    counts.missed.update(identifier for identifier in KNOWN.findall(left.lower()) if identifier in right)


def show(counts: Counts, conversations: int) -> None:
    print(f"{conversations} conversations, {counts.texts:,} texts, {counts.characters:,} characters")
    print(f"{'kind':12} {'marks':>6} {'in the databases':>17} {'others':>7}")
    for kind, marks in sorted(counts.marks.items()):
        print(f"{kind:12} {marks:>6} {counts.known[kind]:>17} {marks - counts.known[kind]:>7}")
    for (kind, value), times in counts.others.most_common(SHOWN_MAX):
        print(f"  to look at: {kind} {value!r} ({times})")
    print(f"missed: {counts.missed.total()}; numbers of seven digits and more that stay: {counts.stayed:,}")


def cost(paths: list[Path]) -> None:
    """Processor time: of the fold by whether there is redaction in it is benchmarks.fold; here, of each place."""
    log = log_of(paths)
    raws = [(record.value or b"", orjson.loads(record.value or b"")) for record in log]
    started = time.process_time()
    redacted = sum(bool(redact_record(value, raw).redactions) for value, raw in raws)
    passed = time.process_time() - started
    print(
        f"sink: {passed / len(raws) * 1e6:.1f} us a record; {redacted} of {len(raws)} records have something taken out"
    )
    bundle = with_imports(None)
    fold = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    handoffs = [output.value for output in fold.fold(log).outputs if output.topic == HANDOFFS]
    handoff_texts = [list(texts(json.loads(value)["data"])) for value in handoffs]
    started = time.process_time()
    for handoff in handoff_texts:
        for text in handoff:
            spans(view(text))
    passed = time.process_time() - started
    us, count = passed / len(handoff_texts) * 1e6, len(handoff_texts)
    print(f"handoffs: {us:.0f} us each to look through all of its texts ({count} handoffs)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    folder = parser.parse_args().folder
    paths = sorted((folder / "tau_trajectories").glob("*.json*"))
    conversations = len({event["subject"] for path in paths for event in events(path)})
    show(count(paths, known(folder / "tau_domains")), conversations)
    cost(paths)


if __name__ == "__main__":
    main()
