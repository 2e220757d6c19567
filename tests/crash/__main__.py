"""Faults by the hundred, from the command line.

python -m tests.crash --faults 200 --seed 1        # runs of 25 faults each, one after the other
python -m tests.crash --broker apache --seed 3 --faults 25     # one run again, as a failed one prints it
"""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.report import Plan, lines
from tests.crash.run import carry_out

FAULTS_A_RUN = 25
EMBEDDED_EACH = 4  # with both brokers, each fourth run is on the embedded one


def main(words: list[str] | None = None) -> int:
    """0 where nothing differs, 1 where something does."""
    chosen = _parser().parse_args(words)
    logging.disable()  # of the load's clients, which tell of every broker that is gone
    reports = []
    started_s = time.monotonic()
    for plan in _plans(chosen.broker, chosen.seed, chosen.faults, chosen.faults_a_run):
        folder = Path(tempfile.mkdtemp(prefix="handrail-faults-"))
        report = carry_out(plan, folder, _tell)
        reports.append(report)
        for line in lines(report):
            _tell(line)
        if not report.good:
            _tell(f"the processes' logs: {folder}")
            if not chosen.go_on:
                break
    injected = sum((report.injected for report in reports), Counter[str]())
    _tell(f"{injected.total()} faults in {len(reports)} runs, {time.monotonic() - started_s:.0f} s:")
    for kind, count in injected.most_common():
        _tell(f"  {count:4d}  {kind}")
    bad = [report.plan for report in reports if not report.good]
    for plan in bad:
        _tell(f"DIFFERENCES: repeat with {plan.command}")
    return 1 if bad else 0


def _plans(broker: str, seed: int, faults: int, each: int) -> list[Plan]:
    plans: list[Plan] = []
    while faults > 0:
        number = len(plans)
        kind = broker if broker != "both" else "embedded" if number % EMBEDDED_EACH == EMBEDDED_EACH - 1 else "apache"
        plans.append(Plan(kind, seed + number, min(faults, each)))
        faults -= each
    return plans


def _tell(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("apache", "embedded", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones have the next numbers")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--faults-a-run", type=int, default=FAULTS_A_RUN)
    parser.add_argument("--go-on", action="store_true", help="do not stop after a run with differences")
    return parser


if __name__ == "__main__":
    sys.exit(main())
