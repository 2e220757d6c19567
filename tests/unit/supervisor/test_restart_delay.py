"""When something that ended is started again, and when it is given up."""

import pytest

from handrail.supervisor.crew import EndTimes, RestartLimit, restart_delay

LIMIT = RestartLimit(restarts_max=3, window_s=60, first_s=1)


def waits(at_s: list[float], limit: RestartLimit = LIMIT) -> list[float | None]:
    """What is answered when something ends at these times."""
    ends, found = EndTimes(), []
    for now_s in at_s:
        ends, wait_s = restart_delay(ends, now_s, limit)
        found.append(wait_s)
    return found


def test_each_wait_is_twice_as_long() -> None:
    assert waits([0, 1, 3]) == [1, 2, 4]


def test_one_end_too_many_within_the_window_is_given_up() -> None:
    assert waits([0, 1, 3, 7]) == [1, 2, 4, None]


@pytest.mark.parametrize(("last_s", "wait_s"), [(59.9, None), (60.0, 4)])
def test_an_end_counts_for_exactly_the_window(last_s: float, wait_s: float | None) -> None:
    assert waits([0, 1, 3, last_s])[-1] == wait_s


def test_what_ends_seldom_is_started_again_for_ever_and_soon() -> None:
    assert waits([61.0 * n for n in range(100)]) == [1] * 100


def test_only_as_much_is_remembered_as_the_limit_needs() -> None:
    ends = EndTimes()
    for n in range(1000):
        ends, _ = restart_delay(ends, float(61 * n), LIMIT)
    assert ends.at_s == (61.0 * 999,)


def test_the_default_outlives_a_broker_that_is_started_again() -> None:
    limit = RestartLimit()
    answers = waits([float(n) for n in range(limit.restarts_max + 1)], limit)
    assert sum(wait for wait in answers if wait is not None) == 31
    assert answers[-1] is None
