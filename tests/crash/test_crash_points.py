"""Every crash point of the delivery order, in memory: the command is `python -m tests.crash.simulation`."""

import pytest

from tests.crash.simulation.broken import BROKEN
from tests.crash.simulation.simulate import simulate

SCHEDULES = 60
FINDERS = range(10, 140)  # seeds; few schedules need the two faults together that a broken order shows in
CONFLICTS = ("the partition's state in one batch of four", "a tombstone in the batch that touched it last")


def test_no_crash_point_changes_what_is_decided_or_remembered() -> None:
    found = simulate(range(SCHEDULES))
    assert [str(fault) for fault in found.faults] == []
    assert found.points > 25 * SCHEDULES
    assert found.recoveries > 10 * SCHEDULES
    assert found.zombies == SCHEDULES // 2


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_order_is_found(name: str) -> None:
    at = next((seed for seed in FINDERS if simulate([seed], BROKEN[name]).faults), None)
    assert at is not None


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_broken_order_decides_otherwise(name: str) -> None:
    at = next((seed for seed in FINDERS if simulate([seed], BROKEN[name]).conflicting), None)
    assert at is not None
