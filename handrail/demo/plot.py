"""The twelve weeks as a picture: cost and satisfaction by day, what is usual, and the day of the alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.schemas.errors import ConfigError
from handrail.streams.quality.baseline import Baseline
from handrail.streams.quality.interval import Daily, Mean, bound, mean_of
from handrail.streams.quality.scissors import window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, INK, BAND = "#0072B2", "#D55E00", "#222222", "#999999"  # Okabe and Ito: also for the colour-blind
WEEK = 7
TITLE = "Twelve simulated weeks: service gets cheaper, and customers less content"
INSTALL = "matplotlib: not installed: `pip install handrail[demo]` brings it"


@dataclass(frozen=True)
class Weeks:
    """What is drawn. `alarm` is the day at whose end the scissors alarm fired, None where it did not."""

    cost: Sequence[Daily]
    csat: Sequence[Daily]
    baseline: Baseline
    alarm: date | None


def draw(weeks: Weeks, path: Path) -> None:
    """The picture lies in the file. Raises ConfigError where matplotlib is missing or the file cannot be written."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(INSTALL) from error
    figure = Figure(figsize=(9, 5.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    _curve(above, weeks, weeks.cost, BLUE, "cost per conversation, USD")
    _curve(below, weeks, weeks.csat, ORANGE, "CSAT, 1 to 5")
    above.set_title(TITLE, loc="left", weight="bold")
    above.yaxis.set_major_formatter("${x:.2f}")
    first: Any = weeks.cost[0].day
    last: Any = weeks.cost[-1].day
    below.set_xticks([first + timedelta(days=WEEK * number) for number in range(((last - first).days + 1) // WEEK)])
    below.set_xticklabels([f"week {number + 1}" for number in range(len(below.get_xticks()))], ha="left", size=8)
    below.set_xlim(first - timedelta(days=1), last + timedelta(days=1))
    _explain(above, weeks)
    if weeks.alarm is not None:
        _mark(above, below, weeks, weeks.alarm)
    try:
        figure.savefig(path, metadata={"Software": "handrail"})
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file in a folder that can be written") from error


def _curve(axes: "Axes", weeks: Weeks, series: Sequence[Daily], colour: str, label: str) -> None:
    """Days as dots, weeks' means as a thin line; thick what the alarm looks at, and in grey what chance allows it."""
    rated = [daily for daily in series if daily.n]
    days: Any = [daily.day for daily in rated]
    axes.plot(days, [daily.total / daily.n for daily in rated], ".", color=colour, alpha=0.3, markersize=4)
    axes.plot(
        days[WEEK - 1 :], [_rolling(rated, day) for day in days[WEEK - 1 :]], color=colour, linewidth=1, alpha=0.6
    )
    first: Any = weeks.baseline.first
    end: Any = weeks.baseline.end
    before = mean_of([daily for daily in rated if weeks.baseline.has(daily.day)])
    if before is not None:
        axes.plot([first, end], [before.mean] * 2, color=colour, linewidth=3.2)
        _judged(axes, weeks.baseline, before, rated, colour)
    axes.axvline(end, color=BAND, linewidth=1, linestyle=":")
    axes.set_ylabel(label, color=colour, weight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.2)


def _judged(axes: "Axes", baseline: Baseline, before: Mean, series: Sequence[Daily], colour: str) -> None:
    means = [
        (daily.day, current)
        for daily in series
        if (current := mean_of([of for of in series if window(baseline, daily.day) <= of.day <= daily.day])) is not None
        and not baseline.has(daily.day)
    ]
    days: Any = [day for day, _ in means]
    limits = [bound(before, after) for _, after in means]
    low, high = [before.mean - limit for limit in limits], [before.mean + limit for limit in limits]
    axes.fill_between(days, low, high, color=BAND, alpha=0.28, linewidth=0)
    axes.plot(days, [after.mean for _, after in means], color=colour, linewidth=3.2)


def mean(days: Sequence[Daily]) -> float:
    """Over all conversations of these days."""
    return sum(daily.total for daily in days) / sum(daily.n for daily in days)


def lost(days: Sequence[Daily], baseline: Baseline, last: date) -> float:
    """By which share of the baseline's mean that of the week up to `last` is below it."""
    return 1 - _rolling(days, last) / mean([daily for daily in days if baseline.has(daily.day)])


def _rolling(days: Sequence[Daily], last: date) -> float:
    return mean([daily for daily in days if last - timedelta(days=WEEK) < daily.day <= last])


def _explain(axes: "Axes", weeks: Weeks) -> None:
    small: Any = {"size": 8, "color": "#555555", "textcoords": "offset points", "xycoords": ("data", "axes fraction")}
    first: Any = weeks.baseline.first
    end: Any = weeks.baseline.end
    axes.annotate(
        "dots: days\nthin: mean of the week before\nthick: mean of the baseline", (first, 0.03), (6, 0), **small
    )
    since = "thick: mean since the baseline,\n28 days at most\ngrey: what chance allows it\nwhile nothing has changed"
    axes.annotate(since, (end, 0.03), (6, 0), **small)


def _mark(above: "Axes", below: "Axes", weeks: Weeks, alarm: date) -> None:
    at: Any = alarm
    place: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "color": INK}
    day, left = (alarm - weeks.cost[0].day).days + 1, (weeks.cost[-1].day - alarm).days
    alarm_text = f"scissors alarm\nat the end of day {day},\n{left} days before the end"
    for axes, text in ((above, alarm_text), (below, _lost(weeks, alarm))):
        axes.axvline(at, color=INK, linewidth=1.8)
        axes.annotate(text, (at, 0.98), (7, 0), **place)


def _lost(weeks: Weeks, alarm: date) -> str:
    then, end = (lost(weeks.csat, weeks.baseline, day) for day in (alarm, weeks.csat[-1].day))
    return f"CSAT below the baseline's by {then:.0%} in the\nweek before, by {end:.0%} in the last week"
