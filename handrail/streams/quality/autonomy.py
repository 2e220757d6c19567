"""How much of an intent an agent may answer alone: earned rung by rung, and lost at once.

A conversation belongs by lot to the AI's arm or to people, and everything counts for the arm that was assigned
(intention to treat). Up one rung where the e-value of "the AI is not better than people minus the margin" reaches
j (j + 1) / alpha, with j - 1 the restarts of that e-value in the intent's life, rises and falls alike: since the sum of
1 / (j (j + 1)) is 1, the probability that any rise was wrong, ever, is at most alpha (union bound; evalue.py has the
e-value). Down to the lowest rung where the e-CUSUM of "the AI is at least as good as people minus the fall margin"
reaches `fall_arl_days`.
"""

from dataclasses import dataclass, replace
from math import exp, log, sqrt

from handrail.streams.quality.evalue import ArmDay, Side, log_e
from handrail.streams.quality.ladder import HUMAN, SUPERVISED, Ladder

PRIOR_RATE = 0.8  # of people, where nothing has been seen
RISE_PRIOR_N, FALL_PRIOR_N = 10, 20
FALL_HALF_LIFE_DAYS = 14
LOG_M_MAX = log(1e12)
SHOWN_QUANTILE = 1.28  # one-sided 90 %


@dataclass(frozen=True, slots=True)
class Arms:
    """Sums of both arms over days, as in ArmDay; where old days fade they are no whole numbers."""

    n_a: float = 0.0
    k_a: float = 0.0
    n_b: float = 0.0
    k_b: float = 0.0

    def plus(self, day: ArmDay, weight: float = 1.0) -> "Arms":
        """With one more day, and `weight` of what was there."""
        return Arms(
            self.n_a * weight + day.n_a,
            self.k_a * weight + day.k_a,
            self.n_b * weight + day.n_b,
            self.k_b * weight + day.k_b,
        )


@dataclass(frozen=True, slots=True)
class Signals:
    """What else is known of the day. `drift_began` and `divergence_began`: an episode begins with it."""

    verified: bool = True
    breaker_open: bool = False
    drift_began: bool = False
    divergence_began: bool = False
    alert_open: bool = False
    worse_elsewhere: bool = False  # success of handoffs, or CSAT, is shown to be worse
    judged: int = 0  # proposals under supervision on which a person decided
    approved: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Where an intent stands. `rung` SUPERVISED or HUMAN, else an index into the ladder's shares."""

    rung: int = SUPERVISED
    attempt: int = 1
    days: int = 0  # judged in this rung
    log_e: float = 0.0
    arms: Arms = Arms()  # of this rung
    log_m: float = 0.0
    recent: Arms = Arms()
    fall_margin: float | None = None  # None: that of the ladder
    judged: int = 0
    approved: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A change of rung, why, and the evidence: `e` of `threshold` for rises, `m` of `fall_arl_days` for falls."""

    before: int
    after: int
    cause: str
    e: float
    threshold: float
    m: float
    arms: Arms


def threshold(attempt: int, alpha: float) -> float:
    """What E has to reach in that attempt: 40, 120, 240 … for alpha .05."""
    return attempt * (attempt + 1) / alpha


def gap(arms: Arms) -> tuple[float, float] | None:
    """Rate of the AI less that of people, and its standard error; None where one of the arms is empty."""
    if not arms.n_a or not arms.n_b:
        return None
    a, b = arms.k_a / arms.n_a, arms.k_b / arms.n_b
    return a - b, sqrt(a * (1 - a) / arms.n_a + b * (1 - b) / arms.n_b)


def advance(state: State, ladder: Ladder, day: ArmDay, signals: Signals) -> tuple[State, Step | None]:
    """The state after one more day whose outcomes are known, and the step that it takes, if any.

    Only a day's first judgement counts: outcomes that come later are not handed in again.
    """
    observed = _observed(state, ladder, day, signals)
    rung, cause = _target(observed, ladder, signals)
    if rung == observed.rung:
        return (replace(observed, log_m=0.0) if cause else observed), None
    e, m = _exp(observed.log_e), _exp(observed.log_m)
    step = Step(observed.rung, rung, cause, e, threshold(observed.attempt, ladder.alpha), m, observed.arms)
    return _moved(observed, ladder, rung), step


def _exp(value: float) -> float:
    return exp(min(value, 700.0))


def _observed(state: State, ladder: Ladder, day: ArmDay, signals: Signals) -> State:
    """One more day in both e-values. Each guess is from the days before."""
    fall_margin = ladder.margin if state.fall_margin is None else state.fall_margin
    rise = log_e(rise_guess(state.arms), day, ladder.margin, Side.BETTER)
    fall = log_e(_fall_guess(state.recent, ladder.margin), day, fall_margin, Side.WORSE)
    return replace(
        state,
        days=state.days + 1,
        log_e=state.log_e + rise,
        log_m=min(max(0.0, state.log_m) + fall, LOG_M_MAX),
        arms=state.arms.plus(day),
        recent=state.recent.plus(day, 0.5 ** (1 / FALL_HALF_LIFE_DAYS)),
        judged=state.judged + signals.judged if state.rung == SUPERVISED else 0,
        approved=state.approved + signals.approved if state.rung == SUPERVISED else 0,
    )


def _target(state: State, ladder: Ladder, signals: Signals) -> tuple[int, str]:
    """The rung that follows, and why; at the lowest rung a fall has a cause and leaves the rung."""
    if signals.breaker_open:
        return HUMAN, "breaker"
    if state.rung == HUMAN:
        return SUPERVISED, "breaker closed"
    if not signals.verified:
        return SUPERVISED, "" if state.rung == SUPERVISED else "model.unverified"
    if state.rung == SUPERVISED:
        return (0, "approvals") if _earned(state, ladder) else (SUPERVISED, "")
    if state.log_m >= log(ladder.fall_arl_days):
        return 0, "fall"
    if signals.drift_began or signals.divergence_began:
        return state.rung - 1, "drift" if signals.drift_began else "divergence"
    return (state.rung + 1, "rise") if _risen(state, ladder, signals) else (state.rung, "")


def _earned(state: State, ladder: Ladder) -> bool:
    enough = state.judged >= ladder.supervised_min
    return enough and state.approved >= ladder.approval_min * state.judged


def _risen(state: State, ladder: Ladder, signals: Signals) -> bool:
    blocked = signals.alert_open or signals.worse_elsewhere or state.days < ladder.soak_days
    more = state.rung + 1 < len(ladder.shares)
    return more and not blocked and state.log_e >= log(threshold(state.attempt, ladder.alpha))


def _moved(state: State, ladder: Ladder, rung: int) -> State:
    """At another rung everything begins anew but what was seen recently; evidence that is dropped counts an attempt."""
    fall_margin = _shown(state.arms, ladder) if rung > state.rung >= 0 else None
    attempt = state.attempt + (state.rung >= 0)
    return State(rung=rung, attempt=attempt, recent=state.recent, fall_margin=fall_margin)


def _shown(arms: Arms, ladder: Ladder) -> float:
    """By how much the AI has shown to be short of people at most: no more than the margin, no less than its floor."""
    measured = gap(arms)
    if ladder.fall_margin is not None or measured is None:
        return ladder.margin if ladder.fall_margin is None else ladder.fall_margin
    return min(ladder.margin, max(ladder.fall_floor * ladder.margin, SHOWN_QUANTILE * measured[1] - measured[0]))


def rise_guess(arms: Arms) -> tuple[float, float]:
    """Rates of both arms from the days before, shrunk to equal ones: what the next day is bet on."""
    b = (arms.k_b + PRIOR_RATE * RISE_PRIOR_N) / (arms.n_b + RISE_PRIOR_N)
    return (arms.k_a + RISE_PRIOR_N * b) / (arms.n_a + RISE_PRIOR_N), b


def _fall_guess(recent: Arms, margin: float) -> tuple[float, float]:
    b = (recent.k_b + PRIOR_RATE * FALL_PRIOR_N) / (recent.n_b + FALL_PRIOR_N)
    return (recent.k_a + FALL_PRIOR_N * (b - 2 * margin)) / (recent.n_a + FALL_PRIOR_N), b
