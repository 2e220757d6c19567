"""A breaker's way from closed to open, half-open and back, window by window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.quality.breaker import BreakerRule, State, Window, advance

RULE = BreakerRule(calls_min=20, failure_share_max=0.5, wait=2, wait_max=8, probes=4, probe_failures_max=1)
BAD, GOOD, NOTHING = Window(20, 11), Window(20, 0), Window(0, 0)


def phases(*windows: Window, state: State = State()) -> list[str]:  # noqa: B008
    found = []
    for window in windows:
        state = advance(state, RULE, window)
        found.append(state.phase)
    return found


@pytest.mark.parametrize(
    ("window", "phase"),
    [(BAD, "open"), (Window(20, 10), "closed"), (Window(19, 19), "closed"), (NOTHING, "closed"), (GOOD, "closed")],
)
def test_it_opens_when_enough_calls_failed_too_often(window: Window, phase: str) -> None:
    assert phases(window) == [phase]


def test_it_waits_then_probes_then_closes() -> None:
    told = phases(BAD, NOTHING, NOTHING, Window(2, 0), Window(2, 1), GOOD)
    assert told == ["open", "open", "half_open", "half_open", "closed", "closed"]


def test_a_window_without_calls_is_no_sign_of_health() -> None:
    assert phases(BAD, *[NOTHING] * 50)[-1] == "half_open"


def test_failed_probes_open_it_for_twice_as_long_up_to_a_limit() -> None:
    state, waits = advance(State(), RULE, BAD), []
    for _ in range(4):
        waits.append(state.waits)
        for _ in range(state.waits):
            assert state.phase == "open"
            state = advance(state, RULE, BAD)
        assert state.phase == "half_open"
        state = advance(state, RULE, Window(2, 2))
    assert waits == [2, 4, 8, 8]


def test_once_closed_it_has_forgotten_how_long_it_waited() -> None:
    assert phases(BAD, NOTHING, NOTHING, Window(4, 0), BAD, NOTHING, NOTHING)[-1] == "half_open"


def test_what_a_person_has_set_stays() -> None:
    assert phases(GOOD, BAD, GOOD, state=State(phase="open", pinned=True)) == ["open"] * 3


def test_more_failures_than_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot have failed"):
        Window(3, 4)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=80))
def test_it_never_waits_longer_than_its_limit(told: list[tuple[int, int]]) -> None:
    state = State()
    for one in told:
        state = advance(state, RULE, Window(max(one), min(one)))
        assert 0 <= state.left <= state.waits <= RULE.wait_max
