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
    found = set()
    for path in sorted(folder.rglob("*.gz")):
        found |= set(KNOWN.findall(gzip.decompress(path.read_bytes()).decode().lower()))
    return found


def count(paths: list[Path], right: set[str]) -> Counts:
    """Over every text of every event."""
    found = Counts()
    for path in paths:
        for event in events(path):
            for text in texts(event["data"]):
                _count(found, text, right)
    return found


def _count(found: Counts, text: str, right: set[str]) -> None:
    found.texts, found.characters = found.texts + 1, found.characters + len(text)
    for span in spans(view(text)):
        value = text[span.start : span.end]
        found.marks[span.kind] += 1
        if value.lower() in right:
            found.known[span.kind] += 1
        else:
            found.others[span.kind, value] += 1
    left = redact_text(text).text
    found.stayed += len(LONG.findall(left))
    found.missed.update(one for one in KNOWN.findall(left.lower()) if one in right)


def show(found: Counts, conversations: int) -> None:
    print(f"{conversations} conversations, {found.texts:,} texts, {found.characters:,} characters")
    print(f"{'kind':12} {'marks':>6} {'in the databases':>17} {'others':>7}")
    for kind, marks in sorted(found.marks.items()):
        print(f"{kind:12} {marks:>6} {found.known[kind]:>17} {marks - found.known[kind]:>7}")
    for (kind, value), times in found.others.most_common(SHOWN_MAX):
        print(f"  to look at: {kind} {value!r} ({times})")
    print(f"missed: {found.missed.total()}; numbers of seven digits and more that stay: {found.stayed:,}")


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
    handoffs = [one.value for one in fold.fold(log).outputs if one.topic == HANDOFFS]
    said = [list(texts(json.loads(value)["data"])) for value in handoffs]
    started = time.process_time()
    for one in said:
        for text in one:
            spans(view(text))
    passed = time.process_time() - started
    print(f"handoffs: {passed / len(said) * 1e6:.0f} us each to look through all of its texts ({len(said)} handoffs)")


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
