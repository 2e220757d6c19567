"""`python -m tests.crash.simulation`: thousands of schedules, two processes, figures; exit 1 where one goes wrong."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from handrail.streams.process import collect_less
from tests.crash.simulation.broken import BROKEN
from tests.crash.simulation.run import Tally
from tests.crash.simulation.simulate import counted, simulate

PROCESSES, CHUNK = 2, 100
SHOWN_MAX = 10


def right(first: int, count: int) -> int:
    """The order as it is."""
    started_s, cpu_s, total = time.monotonic(), 0.0, Tally()
    parts = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=collect_less) as pool:
        for done, (tally, took_s) in enumerate(pool.map(counted, parts), start=1):
            total.add(tally)
            cpu_s += took_s
            print(f"\r{min(done * CHUNK, count)} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"schedules {total.schedules}, records {total.records}, crash points {total.points}")
    print(f"recoveries {total.recoveries}, late writers {total.zombies}, identical copies of outputs {total.copies}")
    print(f"{time.monotonic() - started_s:.1f} s, {cpu_s:.1f} s of CPU in {PROCESSES} processes")
    print(f"schedules that went wrong: {len(total.wrong)}")
    for fault in total.faults[:SHOWN_MAX]:
        print(fault)
    return 1 if total.faults else 0


def broken(first: int, count: int) -> int:
    """The orders that are broken on purpose: how many schedules find them."""
    missed = 0
    for name, order in BROKEN.items():
        tally = simulate(range(first, first + count), order)
        print(
            f"{name}: {len(tally.wrong)} of {count} schedules went wrong, {len(tally.conflicting)} with other outputs"
        )
        missed += not tally.faults
    return 1 if missed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule; the next ones follow")
    parser.add_argument("--broken", action="store_true", help="the orders that are broken on purpose")
    wanted = parser.parse_args()
    return (broken if wanted.broken else right)(wanted.seed, wanted.schedules)


if __name__ == "__main__":
    sys.exit(main())
