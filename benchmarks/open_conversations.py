"""The memory of a partition with many open conversations: `python -m benchmarks.open_conversations [--count 100000]`.

Each has had one turn of six records (query, LLM call, proposal, execution, answer, message), one conversation after the
other. Printed: resident MB before and after, and what of it is encoded states and, by estimate, decoded ones.
"""

import argparse
import gc
from itertools import islice

import psutil

from benchmarks import fold as benchmark
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.process import collect_less

TURN = 6
TOGETHER = 200  # records of a batch, as in a worker


def resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    asked = parser.parse_args()
    benchmark.RECORDS, benchmark.CONVERSATIONS = asked.count * TURN, asked.count
    bundle = benchmark.ten_rules()
    collect_less()
    fold = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    events, before = benchmark.mixture(), resident_mb()
    for first in range(0, asked.count * TURN, TOGETHER * TURN):
        turns = benchmark.records(islice(events, TOGETHER * TURN), TURN, first)
        for at in range(0, len(turns), TOGETHER):
            fold.fold(turns[at : at + TOGETHER])
    after = resident_mb()
    sizes = fold.memory.sizes()
    stored = sum(head + more for _, head, more in sizes) / 1e6
    live = fold.memory.live
    kept = f"{len(live)} decoded ones of {live.bytes / 1e6:.1f} MB"
    print(f"{len(sizes)} conversations: {after - before:.0f} MB more, to {after:.0f} MB")
    print(f"{stored:.0f} MB of states, {kept}")


if __name__ == "__main__":
    main()
