"""Scorers on recorded conversations: what they cost, and that the page has the figures of the command."""

from pathlib import Path

import orjson
import pytest

from benchmarks.scorers.__main__ import page
from benchmarks.scorers.agreement import flags, within_run_auc
from benchmarks.scorers.conversations import conversations, of_run
from handrail.streams.quality.scorers import SCORERS, scored

PAGE = Path(__file__).resolve().parents[3] / "docs" / "quality.md"
MEAN_MS_MAX = 2.0


def test_the_scorers_of_a_recorded_run_are_cheap_and_the_same_each_time(shared: Path) -> None:
    path = shared / "data" / "tau_trajectories" / "gpt-4.1_airline.json.gz"
    told, again = of_run(path), of_run(path)
    assert len(told) == 20
    assert {one.transcript.unreadable for one in told} == {0}
    said = [[orjson.dumps([score for _, score in scored(one.transcript)]) for one in run] for run in (told, again)]
    assert said[0] == said[1]
    *_, last = page(told).splitlines()
    cells = last.split(" | ")
    assert (cells[0], len(cells)) == ("| all eight", 9)
    assert 0 < float(cells[-2]) <= MEAN_MS_MAX


@pytest.mark.long
def test_the_table_of_the_page_is_that_of_the_command(shared: Path) -> None:
    made = page(conversations(shared / "data" / "tau_trajectories"))
    told = PAGE.read_text().partition("## Alarms")[0]
    assert len(_rows(made)) == len(SCORERS)
    assert _rows(made) == _rows(told)


def _rows(page: str) -> list[list[str]]:
    """The rows of the table, without the times."""
    names = tuple(f"| `{scorer.name}` |" for scorer in SCORERS)
    return [line.split(" | ")[:-2] for line in page.splitlines() if line.startswith(names)]


def test_agreement_by_hand() -> None:
    pairs = [(0.0, True), (0.5, True), (1.0, True), (1.0, False), (0.5, False)]
    found = flags(pairs)
    assert (found.n, found.failed, found.flagged, found.flagged_failed) == (5, 3, 3, 2)
    assert within_run_auc([pairs]) == pytest.approx((2 + 1.5 + 0.5) / 6)
    assert within_run_auc([pairs, [(0.0, True)]]) == within_run_auc([pairs])
    assert within_run_auc([[(0.0, True)]]) is None
