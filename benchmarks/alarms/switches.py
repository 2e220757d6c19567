"""Changes of the model that really happened to an agent: two recorded runs of one domain, one after the other.

Conversations are drawn from the runs, N_DAY a day: 28 days of baseline and 30 more from the first, then the second.
"""

import numpy as np

from benchmarks.alarms.streams import Floats, first_alarm
from benchmarks.alarms.years import CLEAN_DAYS, YEAR, Delay
from benchmarks.recorded import RECORDED
from benchmarks.report.tables import table
from benchmarks.scorers.conversations import Conversation, of_run
from handrail.streams.quality.detector import DAYS_MIN
from handrail.streams.quality.scorers import SCORERS

N_DAY, DAYS_AFTER, DRAWS = 50, 60, 400
SIGNALS = ("reward", *(scorer.name for scorer in SCORERS))
SWITCHES = (
    ("azure-gpt-4o_airline", "qwen2.5-7b_airline"),
    ("azure-gpt-4o_airline", "gpt-5.4_airline"),
    ("gpt-4.1_airline", "tau1_gpt-4o_airline_trials01"),
    ("ft-gpt-4.1_telecom", "gpt-4.1_telecom"),
    ("gpt-4.1_telecom", "ft-gpt-4.1_telecom"),
)


def models() -> str:
    """A change of the model, 50 conversations a day: mean before → after: median days (seen within 7)."""
    runs = {name: of_run(RECORDED / f"{name}.json.gz") for name in sorted({name for pair in SWITCHES for name in pair})}
    pairs = [(runs[before], runs[after]) for before, after in SWITCHES]
    rows = [(f"`{signal}`", *(_cell(values(before, signal), values(after, signal)) for before, after in pairs))
            for signal in SIGNALS]  # fmt: skip
    return table(("signal", *(f"{before} → {after}" for before, after in SWITCHES)), rows)


def _cell(before: Floats, after: Floats) -> str:
    if len(before) < 2 or len(after) < 2:
        return "nothing to say"
    first = first_alarm(*_days(before, after), float(YEAR))
    return f"{before.mean():.3f} → {after.mean():.3f}: {Delay.of(first)}"


def values(run: list[Conversation], signal: str) -> Floats:
    """The signal of each conversation that has it."""
    if signal == "reward":
        return np.array([one.reward for one in run])
    scorer = next(scorer for scorer in SCORERS if scorer.name == signal)
    found = [one.score(scorer) for one in run]
    return np.array([one.value for one in found if one is not None])


def _days(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    dice = np.random.default_rng(3)
    first = dice.choice(before, (DAYS_MIN + CLEAN_DAYS, DRAWS, N_DAY)).sum(2)
    second = dice.choice(after, (DAYS_AFTER, DRAWS, N_DAY)).sum(2)
    sums = np.concatenate([first, second])
    return np.full(sums.shape, float(N_DAY)), sums
