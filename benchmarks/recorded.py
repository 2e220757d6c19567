"""The recorded conversations through the fold: what was decided, and what it takes to remember them.

    python -m benchmarks.recorded [FOLDER] [--policies DIR]

FOLDER holds recordings of tau-bench and tau2-bench (default: ../shared/data/tau_trajectories). DIR is taken with an
`agents.yaml` beside its files that names the imports, so that nobody waits for them. All conversations run at
once, interleaved by their times, as they would have come. Heads are measured after each batch of 100 records.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from handrail.importers.tau import events
from handrail.policies import Bundle, compile_bundle, load_bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import shown

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT.parent / "shared" / "data" / "tau_trajectories"
BATCH = 100


IMPORTS = "recorded_sources: [/import/tau/*]\n"


def with_imports(policies: Path | None) -> Bundle:
    """The bundle of a folder, whose own `agents.yaml` (if it has one) gives way to one that names the imports."""
    document = load_bundle(policies).document
    return compile_bundle({**document, "files": {**document["files"], "agents.yaml": IMPORTS}})


@dataclass(slots=True)
class Result:
    """What the fold of a log came to. Sizes in bytes: the largest head of each conversation, its entries at the end."""

    records: int
    seconds: float = 0.0
    outputs: list[Output] = field(default_factory=list)
    heads: dict[str, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)

    def events(self) -> Iterator[dict[str, Any]]:
        """The outputs as CloudEvents."""
        return map(shown, self.outputs)


def log_of(paths: list[Path]) -> list[Record]:
    """The conversations of these files as one log, in the order of their times."""
    timed = sorted(
        ((to_ms(event["time"]), event) for path in paths for event in events(path)), key=lambda pair: pair[0]
    )
    return [
        Record(AGENT_EVENTS, 0, offset, at_ms, event["subject"].encode(), orjson.dumps(event))
        for offset, (at_ms, event) in enumerate(timed)
    ]


def fold(log: list[Record], policies: Path | None = None) -> Result:
    """Fold the log in batches, measuring between them."""
    bundle = with_imports(policies)
    partition = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    result = Result(len(log))
    for at in range(0, len(log), BATCH):
        started = time.perf_counter()
        folded = partition.fold(log[at : at + BATCH])
        result.seconds += time.perf_counter() - started
        result.outputs += folded.outputs
        for name, head, entries in partition.memory.sizes():
            result.heads[name] = max(result.heads.get(name, 0), head)
            result.entries[name] = entries
    return result


def show(result: Result) -> None:
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for event in result.events():
        data = event["data"]
        kinds[" ".join([event["type"].split(".")[1], data.get("kind", ""), data.get("verdict", "")]).strip()] += 1
        codes.update(reason["code"] for reason in data.get("reasons", ()) if "verdict" in data)
    print(f"{len(result.heads)} conversations, {result.records} events")
    print(f"fold: {result.seconds / result.records * 1e6:.1f} us a record, decode included")
    for title, counts in (("records written", kinds), ("reasons of decisions", codes)):
        print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    for title, sizes in (("head, at its largest", result.heads), ("entries", result.entries)):
        values = sorted(sizes.values())
        print(f"{title}: median {statistics.median(values):.0f} B, largest {values[-1]} B")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RECORDED)
    parser.add_argument("--policies", type=Path)
    asked = parser.parse_args()
    show(fold(log_of(sorted(asked.folder.glob("*.json*"))), asked.policies))


if __name__ == "__main__":
    main()
