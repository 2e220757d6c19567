"""Each scorer on the recorded conversations: whom it flags, its agreement with the reward, and what it costs.

    python -m benchmarks.scorers [FOLDER]

FOLDER holds recordings of tau-bench and tau2-bench (default: ../shared/data/tau_trajectories). A conversation failed
where its reward is below 1. `AUC` is within runs, over those that were scored; `AUC, all` takes what was not scored as
good.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.recorded import RECORDED
from benchmarks.report.tables import share, table
from benchmarks.scorers.agreement import flags, within_run_auc
from benchmarks.scorers.conversations import Conversation, conversations
from handrail.streams.quality.scorers import SCORERS, Scorer

REPEATS = 3


def page(told: Sequence[Conversation]) -> str:
    """The table."""
    failed = sum(one.failed for one in told)
    head = (
        "scorer",
        "scored",
        "failed of scored",
        "flagged",
        "failed of flagged",
        "AUC",
        "AUC, all",
        "mean ms",
        "most ms",
    )
    rows = [_row(scorer, told) for scorer in SCORERS]
    together = [sum(_cost(scorer, one) for scorer in SCORERS) for one in told]
    mean, most = f"{sum(together) / len(together):.3f}", f"{max(together):.2f}"
    rows.append(("all eight", *("" for _ in range(6)), mean, most))
    return f"{len(told)} conversations, {failed} failed ({failed / len(told):.0%})\n\n{table(head, rows)}"


def _row(scorer: Scorer, told: Sequence[Conversation]) -> tuple[object, ...]:
    runs = sorted({one.run for one in told})
    scores = [(one, one.score(scorer)) for one in told]
    scored = {run: [(s.value, one.failed) for one, s in scores if one.run == run and s is not None] for run in runs}
    everyone = {
        run: [(1.0 if s is None else s.value, one.failed) for one, s in scores if one.run == run] for run in runs
    }
    found = flags([pair for pairs in scored.values() for pair in pairs])
    spent = [_cost(scorer, one) for one in told]
    aucs = (within_run_auc(list(pairs.values())) for pairs in (scored, everyone))
    return (
        f"`{scorer.name}`",
        f"{found.n}",
        share(found.failed, found.n),
        share(found.flagged, len(told)),
        share(found.flagged_failed, found.flagged),
        *("–" if auc is None else f"{auc:.3f}" for auc in aucs),
        f"{sum(spent) / len(spent):.3f}",
        f"{max(spent):.2f}",
    )


def _cost(scorer: Scorer, one: Conversation) -> float:
    """Milliseconds of the processor, the least of REPEATS."""
    found = []
    for _ in range(REPEATS):
        started = time.process_time_ns()
        scorer.score(one.transcript)
        found.append((time.process_time_ns() - started) / 1e6)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RECORDED)
    print(page(conversations(parser.parse_args().folder)))


if __name__ == "__main__":
    main()
