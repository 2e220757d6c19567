"""`handrail verify`: the log folded again, beside what was decided."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.errors import NO, explained
from handrail.schemas.errors import ConfigError

if TYPE_CHECKING:
    from handrail.audit.comparison import Comparison

WIDTH = 110


@click.command()
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of a broker: the events as `handrail export` wrote them.",
)
@click.option("--decisions", type=click.Path(path_type=Path, dir_okay=False), help="And the decisions, exported too.")
@click.option(
    "--policies",
    type=click.Path(path_type=Path),
    help="For exported files: the folder of `handrail export --bundle`, or of the policy files that decided.",
)
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a worker may take for the last decisions, in each partition; then they are missing.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object of counts and the first difference.")
@explained
def verify(
    bootstrap: str | None,
    events: Path | None,
    decisions: Path | None,
    policies: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Fold the log again and compare with the decisions on it: the same, or what differs.

    Reads all of agent.events.v1 and governance.decisions.v1 and changes nothing. Which rules held is in the log; their
    bundles are on governance.policies.v1. The signature is not compared. Exit status 0: no difference, 1: there is one,
    2: it could not be verified.

    Where retention has cut the log, it begins at the first daily snapshot that is there; conversations that began
    before it are not judged.

    \b
    What is counted:
      records     events and controls folded
      expected    decisions that they give
      found       of these, on the topic and the same
      repeats     further identical copies: delivery is at-least-once, no difference
      missing     expected and not there
      changed     there and not the same, each copy that differs
      foreign     there, and no record asks for it
      not judged  for records that came after the reading began, or of conversations from before its start

    \b
    Examples:
      handrail verify
      handrail verify --bootstrap kafka-1:9092 --json | jq .first_difference
      handrail export --all --bundle as-decided > events.jsonl
      handrail export --all --topic governance.decisions.v1 > decisions.jsonl
      handrail verify --events events.jsonl --decisions decisions.jsonl --policies as-decided
    """
    from handrail.audit import report
    from handrail.audit.settings import AuditSettings

    get: list[str] = []
    if events is not None or decisions is not None:
        if events is None or decisions is None or bootstrap is not None:
            raise ConfigError("handrail verify: give --events and --decisions together, or --bootstrap")
        found = _files(events, decisions, policies)
    else:
        if policies is not None:
            raise ConfigError(
                "handrail verify: --policies is for exported files: a broker has the bundles that decided"
            )
        get = [] if bootstrap is None else ["--bootstrap", bootstrap]
        found = _live(AuditSettings.of({"bootstrap": bootstrap}).bootstrap, wait_s)
    if as_json:
        click.echo(report.as_json(found, get))
    else:
        _show(found, get)
    if report.total(found).differences:
        raise SystemExit(NO)


def _live(bootstrap: str, wait_s: float) -> "list[Comparison]":
    from handrail.audit import live
    from handrail.audit.parallel import verify_all

    span = asyncio.run(live.span(bootstrap))
    with _progress(span.records) as tell:
        return verify_all(bootstrap, span, tell, wait_s)


def _files(events: Path, decisions: Path, policies: Path | None) -> "list[Comparison]":
    from handrail.audit import files
    from handrail.audit.bundles import given

    rules = given(policies)
    with _progress(None) as tell:
        return asyncio.run(files.verify(events, decisions, rules, tell))


@contextmanager
def _progress(records: int | None) -> Iterator[Callable[[int], None]]:
    """How far it is, on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("folding", total=records)
        yield lambda count: progress.advance(task, count)


def _show(found: "Sequence[Comparison]", get: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from handrail.audit import report

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=WIDTH, highlight=False)
    table = Table(show_edge=False, pad_edge=False)
    for name in ("partition", *report.COLUMNS):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    counted = [(str(one.partition), one.counts) for one in found]
    for name, counts in [*counted, ("all", report.total(found))]:
        table.add_row(name, *(f"{getattr(counts, column):,}" for column in report.COLUMNS))
    console.print(table)
    console.print(Text("\n" + report.verdict(report.total(found))), soft_wrap=True)
    if (first := report.first(found)) is not None:
        console.print(Text("\nThe first one:"))
        told = report.lines(first, get)
        width = max(len(name) for name, _ in told)
        for name, line in told:
            console.print(Text(f"  {name:<{width}}  {line}"), soft_wrap=True)
