"""Twelve made-up weeks of a shop's customer service, seeded: four as they were, then eight of a rollout.

The shape is the one that Klarna's figures have (DESIGN section 1): the AI's share of all conversations grows from 40 %
to two thirds, the cost of a conversation falls by 40 %, and CSAT by 22 %, a little every day. SIMULATED, and every
record says so in its `source`.

    python -m handrail.demo.simulation --seeds 200            how often the scissors alarm fires, and when
    python -m handrail.demo.simulation --plot weeks.png       the plot of the demo
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from statistics import median

import click

from handrail.demo import plot
from handrail.streams.quality.baseline import baseline_of
from handrail.streams.quality.interval import Daily
from handrail.streams.quality.scissors import compare

SEED = 2024
ANY_MONDAY = date(2026, 1, 5)
DAYS, BASELINE_DAYS, SETTLED_DAY = 84, 28, 77
A_DAY = 40
WEEKEND = 0.7  # of a weekday's conversations
HUMAN_USD, AI_USD = 0.50, 0.033
HUMAN_CSAT = 4.4
DAY_CSAT, DAY_COST = 0.07, 0.03  # what a whole day has in common, as standard deviations
ANSWERED = 0.6  # share of customers who answer the survey
INTENTS = ("delivery_status", "refund_request", "address_change", "cancellation", "product_question")
WEIGHTS = (34, 24, 18, 12, 12)


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of the service: humans' share of all conversations, and CSAT of those that the AI has."""

    human_share: tuple[float, float]
    ai_csat: tuple[float, float]


EROSION = Course((0.60, 0.33), (4.15, 2.80))
COURSES: Mapping[str, Course] = {
    "erosion": EROSION,
    "noise": Course((0.60, 0.60), (4.15, 4.15)),
    "cheaper, quality holds": Course((0.60, 0.33), (4.15, 4.29)),
    "worse, cost holds": Course((0.60, 0.60), (4.15, 2.60)),
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: who had it, what it cost, what the customer said of it (`csat` None: nothing)."""

    day: int
    number: int
    intent: str
    human: bool
    cost_usd: float
    csat: int | None


def conversations(course: Course = EROSION, seed: int = SEED, a_day: int = A_DAY) -> Iterator[Conversation]:
    """All of them, about `a_day` a day, in the order of time. The same for the same seed."""
    dice = random.Random(seed)
    for day in range(DAYS):
        eroded = min(1.0, max(0.0, (day - BASELINE_DAYS) / (SETTLED_DAY - BASELINE_DAYS)))
        human_share, ai_csat = (a + (b - a) * eroded for a, b in (course.human_share, course.ai_csat))
        mood, price = dice.gauss(0, DAY_CSAT), dice.gauss(1, DAY_COST)
        usual = a_day * 7 / (5 + 2 * WEEKEND) * (WEEKEND if day % 7 >= 5 else 1)
        for number in range(round(dice.gauss(usual, usual**0.5))):
            human = dice.random() < human_share
            cost_usd = price * (HUMAN_USD * dice.lognormvariate(0, 0.3) if human else AI_USD * dice.uniform(0.5, 1.5))
            rated = dice.gauss((HUMAN_CSAT if human else ai_csat) + mood, 0.9)
            csat = max(1, min(5, round(rated))) if dice.random() < ANSWERED else None
            intent = dice.choices(INTENTS, WEIGHTS)[0]
            yield Conversation(day, number, intent, human, round(cost_usd, 4), csat)


def series(talks_in_order: Sequence[Conversation], first: date) -> dict[str, list[Daily]]:
    """The measures that the scissors look at, by day; `talks_in_order` is sorted by day."""
    measures: dict[str, list[Daily]] = {"cost_usd": [], "deflection": [], "csat": []}
    by_day = {day: list(talks) for day, talks in groupby(talks_in_order, key=lambda conversation: conversation.day)}
    for number in range(DAYS):
        of_day = by_day.get(number, [])
        rated = [conversation.csat for conversation in of_day if conversation.csat is not None]
        values = (
            ("cost_usd", [conversation.cost_usd for conversation in of_day]),
            ("deflection", [not conversation.human for conversation in of_day]),
        )
        for name, measured in (*values, ("csat", rated)):
            measures[name].append(Daily(first + timedelta(days=number), len(measured), float(sum(measured))))
    return measures


def alarm(measures: Mapping[str, Sequence[Daily]]) -> date | None:
    """The first day at whose end the scissors alarm is on."""
    first = measures["cost_usd"][0].day
    baseline = baseline_of(first)
    for number in range(BASELINE_DAYS, DAYS):
        comparison = compare(measures, baseline, first + timedelta(days=number))
        if comparison is not None and comparison.alarm:
            return first + timedelta(days=number)
    return None


def draw(file: Path) -> None:
    """The demo's weeks as a picture. Raises ConfigError."""
    measures = series(list(conversations()), ANY_MONDAY)
    plot.draw(plot.Weeks(measures["cost_usd"], measures["csat"], baseline_of(ANY_MONDAY), alarm(measures)), file)


def fired_days(course: Course, seeds: int, a_day: int) -> list[int]:
    """The day of the alarm, 1 to 84, of each simulation that has one, in order."""
    runs = (series(list(conversations(course, seed, a_day)), ANY_MONDAY) for seed in range(seeds))
    return sorted((day - ANY_MONDAY).days + 1 for day in map(alarm, runs) if day is not None)


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=200, show_default=True, help="Simulations of each course.")
@click.option("--a-day", type=click.IntRange(1), default=A_DAY, show_default=True, help="Conversations a day.")
@click.option("--plot", "file", type=click.Path(path_type=Path, dir_okay=False), help="Draw the demo's weeks instead.")
def main(seeds: int, a_day: int, file: Path | None) -> None:
    """How often the scissors alarm fires in simulated weeks, and on which of their 84 days."""
    if file is not None:
        draw(file)
        click.echo(f"simulated weeks: {file}")
        return
    click.echo(f"simulated: {DAYS} days of about {a_day} conversations, {seeds} seeds of each course")
    for name, course in COURSES.items():
        fired = fired_days(course, seeds, a_day)
        days = f", on day {fired[0]} to {fired[-1]}, median {median(fired):.0f}" if fired else ""
        click.echo(f"{name:24}{len(fired):4} of {seeds} fire ({len(fired) / seeds:.1%}){days}")


if __name__ == "__main__":
    main()
