"""Simulated intents under the rule of earned autonomy: wrong rises, days to the top, days until it is taken back.

    nice -n 15 python -m benchmarks.autonomy [--runs 10000] [--part NAME]

Outcomes are `verified`: known seven days later, .80 for people, with day effects of sd .15 in log odds (lag-1
correlation .7) that both arms share. Each part prints its table.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.autonomy.arms import Floats
from benchmarks.autonomy.intents import Intents
from benchmarks.autonomy.naive import ZTest
from benchmarks.autonomy.world import World, live
from benchmarks.report.tables import table
from handrail.streams.quality.ladder import Ladder

YEAR = 365
HOLDOUT_N_DAY = 20
KLARNA_DAYS, KLARNA_LOST = 426, 0.22
VOLUMES = {20: 0.05, 40: 0.05, 200: 0.05, 1000: 0.03}
FALL_MARGINS: dict[str, dict[str, float]] = {
    "shown, at least a third of the margin (the default)": {},
    "shown, whatever it was": {"fall_floor": -9.0},
    "0.02": {"fall_margin": 0.02},
}
EROSIONS = {"sudden": 1, "over 8 weeks": 56, "over 14 months": KLARNA_DAYS}


def ladder_of(n_day: int) -> Ladder:
    """What an intent of that size gets."""
    return replace(Ladder(), margin=VOLUMES[n_day]).fitted(n_day, HOLDOUT_N_DAY)


def wrong(runs: int) -> str:
    """Intents that must not rise."""
    rows = []
    for n_day in VOLUMES:
        ladder = ladder_of(n_day)
        for times in (1, 2):
            gap = -times * ladder.margin
            world = World(n_day, lambda _, gap=gap: gap)
            ours = live(world, Intents.at(ladder, 0, runs), YEAR, seed=41)
            naive = live(world, ZTest(ladder, 0, max(500, runs // 5)), YEAR, seed=42)
            rows.append(
                (n_day, ladder.margin, f"{gap:+.2f}", f"{_share(ours.rises):.2%}", f"{_share(naive.rises):.1%}")
            )
    head = ("conversations a day", "margin", "true gap", "ever risen in a year", "naive: z test every day")
    return table(head, rows)


def equal(runs: int) -> str:
    """Intents that deserve it."""
    rows = []
    for n_day in VOLUMES:
        ladder = ladder_of(n_day)
        for gap in (0.0, 0.03, -0.02):
            lived = live(World(n_day, lambda _, gap=gap: gap), Intents.at(ladder, 0, runs // 20), YEAR, seed=43)
            falls = f"{lived.falls.mean():.4f}"
            rows.append((n_day, f"{gap:+.2f}", ladder.shares[-1], _days(lived.first_rise), _days(lived.top), falls))
    head = ("conversations a day", "true gap", "top share", "first rise, day", "top, day", "false falls a year")
    return table(head, rows)


def erosion(runs: int) -> str:
    """From the top, 22 % of satisfaction lost: when the share is taken back. Earned first, so with the margin shown."""
    rows = []
    for n_day in VOLUMES:
        for name, days in EROSIONS.items():
            rows.append((n_day, name, *_eroded(n_day, days, runs // 20)))
    head = ("conversations a day", "22 % lost", "falls on day", "lost by then", "never at the top")
    return table(head, rows)


def _eroded(n_day: int, days: int, runs: int) -> tuple[str, str, str]:
    """Intents climb in equal quality for a year and a half; from then on those at the top erode."""
    climb = round(1.5 * YEAR)

    def gap(day: int) -> float:
        return -KLARNA_LOST * 0.8 * min(1.0, max(0, day - climb) / days)

    ladder = ladder_of(n_day)
    rule = _Since(Intents.at(ladder, 0, runs), climb)
    lived = live(World(n_day, gap), rule, climb + 460, seed=45)
    at_top = rule.at_top
    fell = lived.first_fall[at_top] - climb
    lost = KLARNA_LOST * min(1.0, float(np.median(np.where(fell < 0, 460, fell))) / days)
    return _days(fell), f"{lost:.1%}", f"{1 - at_top.mean():.1%}"


class _Since:
    """A rule whose falls count from a day on, and who was at the top then."""

    def __init__(self, rule: Intents, since: int) -> None:
        self.rule, self.left = rule, since - 7
        self.at_top = np.zeros(len(rule.rung), dtype=bool)

    @property
    def ladder(self) -> Ladder:
        return self.rule.ladder

    @property
    def rung(self) -> Floats:
        return self.rule.rung

    def advance(self, day: Floats) -> tuple[Floats, Floats]:
        rose, fell = self.rule.advance(day)
        self.left -= 1
        if self.left == 0:
            self.at_top = self.rule.rung == len(self.ladder.shares) - 1
        return rose, fell & (self.left < 0)


def held(runs: int) -> str:
    """Equal intents for three years: how often they fall for nothing, with the margin shown and with a fixed one."""
    rows = []
    for n_day in (40, 200, 1000):
        ladder = ladder_of(n_day)
        for name, changed in FALL_MARGINS.items():
            rule = Intents.at(replace(ladder, **changed), 0, runs // 20)
            lived = live(World(n_day, lambda _: 0.0), rule, 3 * YEAR, seed=44)
            at_top = np.mean(lived.rung == len(ladder.shares) - 1)
            rows.append((n_day, name, f"{lived.falls.mean() / 3:.4f}", f"{at_top:.1%}"))
    return table(("conversations a day", "fall margin", "false falls a year", "at the top after 3 years"), rows)


def confounders(runs: int) -> str:
    """What would fool a rule that does not count by assignment."""
    share, hard = 0.5, (0.4 * 0.30 + 0.6 * 0.60)
    people = 0.7 * 0.88 + 0.3 * 0.60
    treat = 0.7 * 0.86 + 0.3 * hard
    as_ai = (0.7 * 0.86 + 0.3 * 0.4 * 0.30) / (0.7 + 0.12)
    as_people = ((1 - share) * people + share * 0.18 * 0.60) / ((1 - share) + share * 0.18)
    survey = 0.7 * 0.6 / (0.7 * 0.6 + 0.3 * 0.3)
    cases = [
        ("easy cases: the AI hands over 60 % of the hard ones; by assigned arm", treat - people),
        ("the same, by who answered in the end", as_ai - as_people),
        ("survey: truth -.10; the unhappy answer half as often after the AI", survey - 0.8),
        ("deflection: a tenth of the AI's are abandoned; counted as failures", 0.9 * 0.8 - 0.8),
        ("the same, left out", 0.0),
    ]
    rows = [(name, f"{gap:+.3f}", _risen(World(200, lambda _, gap=gap: gap), runs // 10)) for name, gap in cases]
    for sd in (0.3, 0.6):
        for n_day in (40, 200):
            world = World(n_day, lambda _: -0.05, ai_day_sd=sd)
            name = f"at the margin, and days that move the AI alone: sd {sd}, {n_day} a day"
            rows.append((name, "-0.050", _risen(world, runs // 10)))
    return table(("what is counted", "gap that is seen", "ever risen in a year"), rows)


def _risen(world: World, runs: int) -> str:
    ladder = replace(Ladder(), margin=0.05)
    return f"{_share(live(world, Intents.at(ladder, 0, runs), YEAR, seed=46).rises):.1%}"


def _share(rises: Floats) -> float:
    return float(np.mean(rises > 0))


def _days(found: Floats) -> str:
    """Median and 90 % quantile; `-` for never."""
    told = np.where(found < 0, np.inf, found)
    low, high = (np.quantile(told, part, method="higher") for part in (0.5, 0.9))
    return f"{low:.0f} / {high:.0f}".replace("inf", "-")


PARTS: dict[str, Callable[[int], str]] = {
    "wrong": wrong,
    "equal": equal,
    "erosion": erosion,
    "held": held,
    "confounders": confounders,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--part", choices=PARTS, action="append")
    asked = parser.parse_args()
    for name in asked.part or PARTS:
        print(f"{name}: {PARTS[name].__doc__}\n{PARTS[name](asked.runs)}", flush=True)


if __name__ == "__main__":
    main()
