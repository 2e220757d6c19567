"""The demo's last part: what analysts see, by week and by rule."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from aiokafka import TopicPartition
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handrail.demo import plot
from handrail.demo.history import AGENT
from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.quality.baseline import baseline_of
from handrail.streams.quality.interval import Daily
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.skipped import always_skipped

STORED_S_MAX = 30.0
POLL_S = 0.1
BAR = 10
CSAT_MAX, CONTENT = 5.0, 4.0
WEEK = timedelta(days=7)
PLOT = "twelve-weeks.png"
Series = Mapping[str, Sequence[Daily]]
"""Measure -> its days, in order."""

DAILY = """
    SELECT measure, day, sum(n)::BIGINT, sum(total)::DOUBLE FROM drift_bins
    WHERE log_cluster = ? AND agent_id = ? AND measure IN ('cost_usd', 'csat', 'deflection')
    GROUP BY ALL ORDER BY ALL
"""
ALARM = """
    SELECT message, CAST(to_time AT TIME ZONE 'UTC' AS DATE) - 1 FROM alerts_once
    WHERE log_cluster = ? AND agent_id = ? AND kind = 'divergence' ORDER BY to_time LIMIT 1
"""
BY_RULE = """
    SELECT
        coalesce(policy_id || ' / ' || rule_id, code) AS rule, action, count(*) AS times,
        arg_min(message, log_offset) AS example
    FROM reasons WHERE action IN ('block', 'halt') AND mode = 'enforce' AND NOT repeat
    GROUP BY ALL ORDER BY times DESC, rule LIMIT 12
"""
QUESTIONS = (
    ("what one conversation cost, and whether it helped", "FROM conversations WHERE conversation_id = 'refund-900'"),
    ("who came back within a week", "SELECT intent, avg(repeated_7d::INT) FROM conversations GROUP BY intent"),
)


class Week(NamedTuple):
    """A row of the table: means over its conversations."""

    number: int
    first: date
    n: int
    ai_alone: float
    cost_usd: float
    csat: float


async def stored(data_dir: Path, ends: Mapping[TopicPartition, int], cluster: str) -> None:
    """The snapshot has every record before these ends of that cluster. Raises SinkError after STORED_S_MAX."""
    await _until(lambda: _reached(data_dir, ends, cluster), data_dir, "stored the demo's records")


async def alarmed(data_dir: Path, cluster: str) -> None:
    """The snapshot has the scissors alarm of the twelve weeks. Raises SinkError after STORED_S_MAX."""
    await _until(lambda: bool(_query_rows(data_dir, ALARM, [cluster, AGENT])), data_dir, "raised the scissors alarm")


async def _until(reached: Callable[[], bool], data_dir: Path, what: str) -> None:
    try:
        async with asyncio.timeout(STORED_S_MAX):
            while not reached():  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)  # the sink is another process: there is nothing to wait on
    except TimeoutError:
        log = data_dir / "sink.log"
        raise SinkError(f"sink: has not {what} within {STORED_S_MAX:.0f} s: see {log}") from None


def _reached(data_dir: Path, ends: Mapping[TopicPartition, int], cluster: str) -> bool:
    sql = 'SELECT topic, "partition", next_offset FROM offsets WHERE cluster_id = ?'
    stored = {TopicPartition(*place): offset for *place, offset in _query_rows(data_dir, sql, [cluster])}
    return all(stored.get(tp, 0) >= end for tp, end in ends.items())


def _query_rows(data_dir: Path, sql: str, parameters: list[str]) -> list[tuple[Any, ...]]:
    """The rows; none while there is nothing to read yet."""
    try:
        with open_readonly(data_dir).connection as connection:
            return list(connection.execute(sql, parameters).fetchall())
    except (ConfigError, duckdb.Error):
        return []


def show_all(console: Console, data_dir: Path, cluster: str) -> None:
    """The simulated weeks and their alarm, what was blocked by which rule, and what else can be asked."""
    with open_readonly(data_dir).connection as connection:
        daily = connection.execute(DAILY, [cluster, AGENT]).fetchall()
        alarm = connection.execute(ALARM, [cluster, AGENT]).fetchone()
        rules = connection.execute(BY_RULE).fetchall()
        skipped = always_skipped(connection)
    series = {name: [Daily(*row[1:]) for row in rows] for name, rows in groupby(daily, key=lambda row: row[0])}
    if series:
        _show_weeks(console, series, alarm, data_dir)
    console.print(_by_rule(rules))
    for rule in skipped:
        console.print(f"[bold yellow]WARNING[/] rule {rule}: it does nothing", highlight=False)
    console.print("\nAll of it is in DuckDB. To ask, for example,")
    for about, sql in QUESTIONS:
        console.print(f"  {about}:", highlight=False)
        console.print(f'    handrail query "{sql}" --data {data_dir}', soft_wrap=True, highlight=False, markup=False)
    console.print()


def _show_weeks(console: Console, series: Series, alarm: tuple[str, date] | None, data_dir: Path) -> None:
    first = series["cost_usd"][0].day
    weeks = list(_weeks(series, first))
    day = alarm[1] if alarm else None
    console.print(_by_week(weeks, day))
    console.print()
    if alarm:
        console.print(Text.assemble(("ALERT ", "bold red"), f"divergence (high): {alarm[0]}"))
    drawn = plot.Weeks(series["cost_usd"], series["csat"], baseline_of(first), day)
    console.print(_scissors(drawn), highlight=False)
    picture = data_dir / PLOT
    plot.draw(drawn, picture)
    console.print(f"The weeks as a picture: {picture}\n", soft_wrap=True, highlight=False)


def _weeks(series: Series, first: date) -> Iterator[Week]:
    for number, start in enumerate(
        sorted({first + (daily.day - first) // WEEK * WEEK for daily in series["cost_usd"]})
    ):
        week_days = {
            name: [daily for daily in days if start <= daily.day < start + WEEK] for name, days in series.items()
        }
        n = sum(daily.n for daily in week_days["deflection"])
        yield Week(number + 1, start, n, *(plot.mean(week_days[name]) for name in ("deflection", "cost_usd", "csat")))


def _by_week(weeks: list[Week], alarm: date | None) -> Table:
    title = "Cost beside satisfaction, by week (simulated: source /simulation/twelve-weeks)"
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for name in ("week", "from", "n", "AI alone", "cost per conversation", "CSAT", ""):
        table.add_column(name, justify="right" if name in ("week", "n", "AI alone") else "left", no_wrap=True)
    dearest = max(week.cost_usd for week in weeks)
    for week in weeks:
        fired = alarm is not None and week.first <= alarm < week.first + WEEK
        table.add_row(
            str(week.number),
            str(week.first),
            str(week.n),
            f"{week.ai_alone:.0%}",
            _bar(week.cost_usd, dearest, "${:.3f}", "cyan"),
            _bar(week.csat, CSAT_MAX, "{:.2f}", "green" if week.csat >= CONTENT else "red"),
            Text("◀ scissors alarm" if fired else "", style="bold red"),
        )
    return table


def _bar(value: float, largest: float, form: str, colour: str) -> Text:
    filled = min(BAR, round(BAR * value / largest)) if largest else 0
    return Text.assemble((f"{form.format(value):>6} ", ""), ("█" * filled, colour), ("░" * (BAR - filled), "dim"))


def _scissors(weeks: plot.Weeks) -> str:
    """When the alarm fired, and what came of cost and CSAT afterwards."""
    cost, csat = (plot.lost(days, weeks.baseline, days[-1].day) for days in (weeks.cost, weeks.csat))
    ended = f"in the last week cost was {cost:.0%} and CSAT {csat:.0%} below the first four weeks"
    closing = "Each alone would look fine, or like noise; side by side one sees it."
    if weeks.alarm is None:
        return f"No alarm: {ended}.\n{closing}"
    day, left = (weeks.alarm - weeks.cost[0].day).days + 1, (weeks.csat[-1].day - weeks.alarm).days
    lost = plot.lost(weeks.csat, weeks.baseline, weeks.alarm)
    return (
        f"It fired at the end of {weeks.alarm}, day {day}, {left} days before the end. The week before, CSAT was "
        f"{lost:.0%} below the first four weeks;\n{ended}. {closing}"
    )


def _by_rule(rules: list[tuple[Any, ...]]) -> Table:
    table = Table(
        title="What was stopped, by rule or detector", title_justify="left", title_style="bold", show_edge=False
    )
    table.add_column("rule", no_wrap=True)
    table.add_column("verdict")
    table.add_column("times", justify="right")
    table.add_column("for example", overflow="fold")
    for rule, action, times, example in rules:
        table.add_row(Text(rule), Text(action, style="red"), str(times), Text(example or ""))
    return table
