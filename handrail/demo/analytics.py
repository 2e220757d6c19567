"""The demo's last part: what analysts see, by day and by rule."""

import asyncio
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import duckdb
from aiokafka import TopicPartition
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink.reading import open_readonly

STORED_S_MAX = 30.0
POLL_S = 0.1
BAR = 10
CSAT_MAX, CONTENT = 5.0, 4.0
BY_DAY = """
    SELECT
        day,
        sum(n) AS n,
        CAST(
            sum(cost_usd_per_resolved * n) / sum(n) FILTER (cost_usd_per_resolved IS NOT NULL) AS DECIMAL(18, 6)
        ) AS cost_usd,
        sum(csat_mean * csat_n) / nullif(sum(csat_n), 0) AS csat,
        sum(deflection_claimed * n) / sum(n) AS deflection
    FROM daily_quality GROUP BY day ORDER BY day
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


class Day(NamedTuple):
    """One row of BY_DAY."""

    day: date
    n: int
    cost_usd: Decimal | None
    csat: float | None
    deflection: float


async def stored(data_dir: Path, ends: Mapping[TopicPartition, int], cluster: str) -> None:
    """The snapshot has every record before these ends of that cluster. Raises SinkError after STORED_S_MAX."""
    try:
        async with asyncio.timeout(STORED_S_MAX):
            while not _reached(data_dir, ends, cluster):  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)  # the sink is another process: there is nothing to wait on
    except TimeoutError:
        log = data_dir / "sink.log"
        raise SinkError(f"sink: has not stored the demo's records within {STORED_S_MAX:.0f} s: see {log}") from None


def _reached(data_dir: Path, ends: Mapping[TopicPartition, int], cluster: str) -> bool:
    asked = 'SELECT topic, "partition", next_offset FROM offsets WHERE cluster_id = ?'
    try:
        with open_readonly(data_dir).connection as connection:
            rows = connection.execute(asked, [cluster]).fetchall()
    except (ConfigError, duckdb.Error):
        return False
    found = {TopicPartition(topic, partition): offset for topic, partition, offset in rows}
    return all(found.get(tp, 0) >= end for tp, end in ends.items())


def show_all(console: Console, data_dir: Path) -> None:
    """Cost and satisfaction side by side by day, what was blocked by which rule, and what else can be asked."""
    with open_readonly(data_dir).connection as connection:
        days = [Day(*row) for row in connection.execute(BY_DAY).fetchall()]
        rules = connection.execute(BY_RULE).fetchall()
    console.print(_by_day(days))
    if line := _scissors(days):
        console.print(line, highlight=False)
    console.print()
    console.print(_by_rule(rules))
    console.print("\nAll of it is in DuckDB. To ask, for example,")
    for about, sql in QUESTIONS:
        console.print(f"  {about}:", highlight=False)
        console.print(f'    handrail query "{sql}" --data {data_dir}', soft_wrap=True, highlight=False, markup=False)
    console.print()


def _by_day(days: list[Day]) -> Table:
    table = Table(title="Cost beside satisfaction, by day", title_justify="left", title_style="bold", show_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("AI alone", justify="right", no_wrap=True)
    table.add_column("cost per resolved", no_wrap=True)
    table.add_column("CSAT", no_wrap=True)
    # The last day has the conversations above, one of which thinks for $11: not the measure of the others.
    dearest = max((float(day.cost_usd) for day in days[:-1] if day.cost_usd is not None), default=0.0)
    for day in days:
        table.add_row(
            str(day.day),
            str(day.n),
            f"{day.deflection:.0%}",
            _bar(day.cost_usd, dearest, "${:.3f}", "cyan"),
            _bar(day.csat, CSAT_MAX, "{:.2f}", "green" if day.csat is not None and day.csat >= CONTENT else "red"),
        )
    return table


def _bar(value: Any, largest: float, form: str, colour: str) -> Text:
    if value is None:
        return Text("–", style="dim")
    filled = min(BAR, round(BAR * float(value) / largest)) if largest else 0
    return Text.assemble((f"{form.format(value):>6} ", ""), ("█" * filled, colour), ("░" * (BAR - filled), "dim"))


def _scissors(days: list[Day]) -> str | None:
    """The first half of the history beside the second, in a line."""
    told = [day for day in days[:-1] if day.cost_usd is not None and day.csat is not None]
    if len(told) < 2:
        return None
    halves = told[: len(told) // 2], told[len(told) // 2 :]
    cost = [fmean(float(day.cost_usd or 0) for day in half) for half in halves]
    csat = [fmean(day.csat or 0.0 for day in half) for half in halves]
    return (
        f"First half to second: cost ${cost[0]:.3f} → ${cost[1]:.3f} ({cost[1] / cost[0] - 1:+.0%}), "
        f"CSAT {csat[0]:.2f} → {csat[1]:.2f}.\nEach alone would look fine, or like noise; side by side one sees it."
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
