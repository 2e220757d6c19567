"""`handrail verify`: the log folded again, beside what was decided."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.errors import NO, explained
from handrail.schemas.errors import ConfigError

if TYPE_CHECKING:
    from handrail.audit.comparison import Comparison
    from handrail.audit.links import Links

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
    "--chain",
    is_flag=True,
    help="Check only that each conversation's decisions are linked to each other: without events and bundles.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --chain: each decision has to be signed with a key in this file (`FILE.pub` of `handrail keys new`).",
)
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a worker may take for the last decisions, in each partition; then they are missing.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: one object of counts and the first difference or break."
)
@explained
def verify(
    bootstrap: str | None,
    events: Path | None,
    decisions: Path | None,
    policies: Path | None,
    chain: bool,
    keys: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Fold the log again and compare with the decisions on it: the same, or what differs.

    Reads all of agent.events.v1 and governance.decisions.v1 and changes nothing. Which rules held is in the log; their
    bundles are on governance.policies.v1. The signature is not compared. Exit status 0: no difference, 1: there is one,
    2: it could not be verified.

    Where retention has cut the log, it begins at the first daily snapshot that is there; conversations that began
    before it, as every decision of theirs says, are not judged. Exported files begin where their log began, or there.

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

    --chain needs the decisions alone, live or with --decisions: each carries a digest over those before it in its
    conversation. It names the first one that is not in its place because one was taken away, changed or put in. It
    cannot show that the last decisions of a conversation, or all of them, were taken away or changed, nor one put in
    that calls itself a repeat, nor a conversation that was written anew from its beginning; without --chain, verify
    does. With --keys it shows too that each decision was signed, so that nobody but the workers can have written it.

    \b
    What --chain counts:
      linked         in their place
      repeats        identical copies, and answers to repeated events, which are no link
      unchecked      copies of decisions that retention has removed
      breaks         not in their place
      conversations  that were begun; one that was forgotten and comes again is a new one
      later          of these, checked from a later decision than their first one on, for that is gone

    \b
    Examples:
      handrail verify
      handrail verify --bootstrap kafka-1:9092 --json | jq .first_difference
      handrail export --all --bundle as-decided > events.jsonl
      handrail export --all --topic governance.decisions.v1 > decisions.jsonl
      handrail verify --events events.jsonl --decisions decisions.jsonl --policies as-decided
      handrail verify --chain --decisions decisions.jsonl
      handrail verify --chain --keys handrail-data/signing.key.pub
    """
    _refuse_mixed(events, decisions, policies, bootstrap, chain, keys)
    if chain:
        _chain(decisions, bootstrap, keys, as_json)
    else:
        _fold(events, decisions, policies, bootstrap, wait_s, as_json)


def _refuse_mixed(
    events: Path | None,
    decisions: Path | None,
    policies: Path | None,
    bootstrap: str | None,
    chain: bool,
    keys: Path | None,
) -> None:
    """Raises ConfigError for options that do not go together."""
    files = [path for path in (events, decisions) if path is not None]
    if chain and (events is not None or (decisions is not None and bootstrap is not None)):
        raise ConfigError("handrail verify: give --decisions alone with --chain, or --bootstrap")
    if not chain and (len(files) == 1 or (files and bootstrap is not None)):
        raise ConfigError("handrail verify: give --events and --decisions together, or --bootstrap")
    if policies is not None and (chain or not files):
        raise ConfigError("handrail verify: --policies is for exported files: a broker has the bundles that decided")
    if keys is not None and not chain:
        raise ConfigError("handrail verify: --keys goes with --chain")


def _fold(
    events: Path | None,
    decisions: Path | None,
    policies: Path | None,
    bootstrap: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    from handrail.audit import report

    if events is not None and decisions is not None:
        comparisons = _files(events, decisions, policies)
    else:
        comparisons = _live(bootstrap, wait_s)
    get = [] if bootstrap is None else ["--bootstrap", bootstrap]
    counts, first = report.total(comparisons), report.first_difference(comparisons)
    if as_json:
        click.echo(report.as_json(comparisons, get))
    else:
        rows = [(str(comparison.partition), comparison.counts) for comparison in comparisons]
        first_lines = None if first is None else report.difference_lines(first, get)
        _show(report.COLUMNS, [*rows, ("all", counts)], report.verdict(counts), first_lines)
    if counts.differences:
        raise SystemExit(NO)


def _live(bootstrap: str | None, wait_s: float) -> "list[Comparison]":
    from handrail.audit import live
    from handrail.audit.parallel import side_by_side

    address = _address(bootstrap)
    span = asyncio.run(live.span(address))
    with _progress("folding", span.records) as progress:
        work = partial(live.verify, address, span, wait_s)
        return side_by_side(work, sorted(span.events), span.records, progress)


def _files(events: Path, decisions: Path, policies: Path | None) -> "list[Comparison]":
    from handrail.audit import files
    from handrail.audit.rules import load_rules

    rules = load_rules(policies)
    with _progress("folding", None) as progress:
        return asyncio.run(files.verify(events, decisions, rules, progress))


def _chain(decisions: Path | None, bootstrap: str | None, keys: Path | None, as_json: bool) -> None:
    from handrail.audit import report

    partitions = _links(decisions, bootstrap, keys)
    counts, first = report.chain_total(partitions), report.first_break(partitions)
    if as_json:
        click.echo(report.chain_as_json(partitions))
    else:
        rows = [(str(links.partition), links.counts) for links in partitions]
        first_lines = None if first is None else report.break_lines(first)
        _show(report.CHAIN_COLUMNS, [*rows, ("all", counts)], report.chain_verdict(counts), first_lines)
    if counts.breaks:
        raise SystemExit(NO)


def _links(decisions: Path | None, bootstrap: str | None, keys: Path | None) -> "list[Links]":
    from handrail.audit import linking
    from handrail.audit.parallel import side_by_side
    from handrail.client.trusted_keys import read_keys

    trusted = None if keys is None else read_keys(keys)
    if decisions is not None:
        with _progress("reading", None) as progress:
            return linking.in_file(decisions, trusted, progress)
    address = _address(bootstrap)
    span = asyncio.run(linking.partitions_of(address))
    with _progress("reading", span.records) as progress:
        return side_by_side(partial(linking.on_topic, address, span, trusted), sorted(span.end), span.records, progress)


def _address(bootstrap: str | None) -> str:
    from handrail.audit.settings import AuditSettings

    return AuditSettings.of({"bootstrap": bootstrap}).bootstrap


@contextmanager
def _progress(what: str, records: int | None) -> Iterator[Callable[[int], None]]:
    """How far it is, on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=records)
        yield lambda count: progress.advance(task, count)


def _show(
    columns: Sequence[str], rows: Sequence[tuple[str, Any]], verdict: str, first: Sequence[tuple[str, str]] | None
) -> None:
    """The counts as a table, the answer, and the first thing that is wrong."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=WIDTH, highlight=False)
    table = Table(show_edge=False, pad_edge=False)
    for name in ("partition", *columns):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for name, counts in rows:
        table.add_row(name, *(f"{getattr(counts, column):,}" for column in columns))
    console.print(table)
    console.print(Text("\n" + verdict), soft_wrap=True)
    if first:
        console.print(Text("\nThe first one:"))
        width = max(len(name) for name, _ in first)
        for name, line in first:
            console.print(Text(f"  {name:<{width}}  {line}"), soft_wrap=True)
