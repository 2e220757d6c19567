"""A circuit breaker over windows of log time: closed, open, half-open with probes (M. Nygard, Release It!, 2007, 5.2).

Closed: everything passes. A window with enough calls of which too many failed opens it. Open: nothing passes for some
windows. Half-open: a few probes pass; one failure too many opens it again for twice as long, enough good ones close it.
"""

from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When it opens and closes. Shares from 0 to 1; waits in windows."""

    calls_min: int = 20
    failure_share_max: float = 0.5
    wait: int = 5
    wait_max: int = 60
    probes: int = 10
    probe_failures_max: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Calls that ended in one window of log time, and how many of them failed."""

    calls: int
    failures: int

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.calls:
            raise ValueError(f"breaker: {self.failures} of {self.calls} calls cannot have failed")


@dataclass(frozen=True, slots=True)
class State:
    """`left`: windows until probes pass; `waits`: how long it was opened last. `pinned`: set by a person, and stays."""

    phase: Phase = "closed"
    left: int = 0
    waits: int = 0
    probed: int = 0
    failed: int = 0
    pinned: bool = False


def advance(state: State, rule: BreakerRule, window: Window) -> State:
    """The state after one more window. A window without calls is no sign of health."""
    if state.pinned:
        return state
    if state.phase == "closed":
        return opened(state, rule) if _failing(rule, window) else state
    if state.phase == "open":
        return replace(state, left=state.left - 1) if state.left > 1 else replace(state, phase="half_open", left=0)
    probed, failed = state.probed + window.calls, state.failed + window.failures
    if failed > rule.probe_failures_max:
        return opened(state, rule)
    return State() if probed >= rule.probes else replace(state, probed=probed, failed=failed)


def opened(state: State, rule: BreakerRule) -> State:
    """Open from now on: for `wait` windows, twice as long each time that probes failed."""
    waits = min(2 * state.waits, rule.wait_max) if state.waits else rule.wait
    return State(phase="open", left=waits, waits=waits)


def _failing(rule: BreakerRule, window: Window) -> bool:
    return window.calls >= rule.calls_min and window.failures > rule.failure_share_max * window.calls
