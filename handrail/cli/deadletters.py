"""`handrail deadletters`: what could not be read or folded."""

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.errors import explained, say, show_json
from handrail.schemas.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from handrail.audit.deadletters import DeadLetter
    from handrail.audit.redrive import Redriven

WIDTH = 110
PLACE = re.compile(r"^(\d{1,9})[: ](\d{1,18})$")

bootstrap = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)


@click.group()
def deadletters() -> None:
    """What could not be read or folded: where it came from, why, and the bytes themselves.

    A record that breaks the contract decides nothing and is kept on governance.deadletters.v1, byte for byte. When its
    cause is mended, `redrive` puts it back into the log it came from.

    \b
    Examples:
      handrail deadletters list --reason "not JSON"
      handrail deadletters show 2:17
      handrail deadletters redrive 2:17
    """


@deadletters.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N.")
@click.option("--reason", metavar="TEXT", default="", help="Only those whose reason contains this, in either case.")
@bootstrap
@click.option("--json", "as_json", is_flag=True, help="For programs: an array, the newest last.")
@explained
def list_(limit: int, reason: str, bootstrap: str | None, as_json: bool) -> None:
    """The newest dead letters, the newest last.

    `place` is that of the dead letter, for `show` and `redrive`; `from` is where the record lay; `redriven` where it
    lies since it was redriven, and when that was.

    \b
    Examples:
      handrail deadletters list --limit 10
      handrail deadletters list --reason murmur2 --json | jq -r .[].key
    """
    from handrail.audit.deadletters import newest

    letters, count = asyncio.run(newest(_bootstrap(bootstrap), limit, reason))
    if as_json:
        show_json([letter.plain() for letter in letters])
    elif letters:
        _table(letters)
    else:
        click.echo("no dead letters" + (f" with {reason!r} in their reason" if reason else ""), err=True)
    if count > len(letters):
        click.echo(f"the newest {len(letters):,} of {count:,}: --limit shows more", err=True)


@deadletters.command()
@click.argument("place", metavar="PARTITION:OFFSET", nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="The record's own bytes on standard output, and nothing else.")
@bootstrap
@click.option("--json", "as_json", is_flag=True, help="For programs: one object, the bytes in value_base64.")
@explained
def show(place: tuple[str, ...], raw: bool, bootstrap: str | None, as_json: bool) -> None:
    """One dead letter: where the record lay, why it was refused, its bytes (as text, or in hex).

    \b
    Examples:
      handrail deadletters show 2:17
      handrail deadletters show 2 17 --raw > record.json
    """
    from handrail.audit.deadletters import find_letter

    partition, offset = _place(" ".join(place), "show")
    if raw and as_json:
        raise ConfigError("handrail deadletters show: give --raw or --json, not both")
    letter = asyncio.run(find_letter(_bootstrap(bootstrap), partition, offset))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        sys.stdout.buffer.flush()
    elif as_json:
        show_json(letter.plain())
    else:
        _full(letter)


@deadletters.command()
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every dead letter that was not redriven yet.")
@click.option("--reason", metavar="TEXT", default="", help="Of these, only those whose reason contains this.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@bootstrap
@click.option("--json", "as_json", is_flag=True, help="For programs: an array, in the order of the dead letters.")
@explained
def redrive(
    places: tuple[str, ...], everything: bool, reason: str, dry_run: bool, bootstrap: str | None, as_json: bool
) -> None:
    """Put dead letters back into the log they came from, when their cause is mended.

    Each record is written with its own bytes, key and headers, so it is the same event, into the partition that its key
    belongs to, the oldest first. What was redriven before is not written again. A record that is refused again becomes
    a new dead letter, which names the place where it lay at first.

    \b
    Examples:
      handrail deadletters redrive 2:17 2:18
      handrail deadletters redrive --all --reason murmur2 --dry-run
    """
    from handrail.audit.redrive import Redrive, select_letters

    if everything == bool(places):
        raise ConfigError("handrail deadletters redrive: name places, such as 2:17 (see `list`), or give --all")
    wanted = None if everything else {_place(place, "redrive") for place in places}
    address = _bootstrap(bootstrap)

    async def run() -> list["Redriven"]:
        letters, left_out = await select_letters(address, wanted, reason)
        if left_out:
            click.echo(f"the oldest {len(letters):,}; {left_out:,} are left: run it again", err=True)
        return [outcome async for outcome in Redrive(address).run(letters, dry_run)]

    outcomes = asyncio.run(run())
    if as_json:
        show_json([_redriven(outcome, dry_run) for outcome in outcomes])
    else:
        for outcome in outcomes:
            say(_redriven_line(outcome, dry_run))
    before = sum(outcome.before for outcome in outcomes)
    click.echo(f"{len(outcomes) - before:,} {'would be ' * dry_run}redriven, {before:,} were before", err=True)


def _place(text: str, command: str) -> tuple[int, int]:
    match = PLACE.match(text)
    if match is None:
        raise ConfigError(f"handrail deadletters {command}: {text!r}: give PARTITION:OFFSET, such as 2:17")
    return int(match[1]), int(match[2])


def _redriven_line(outcome: "Redriven", dry_run: bool) -> str:
    from handrail.desk.words import line

    what = "was redriven before to" if outcome.before else "would go to" if dry_run else "redriven to"
    letter = outcome.letter
    return line(f"{letter.partition}:{letter.offset} {letter.header('key')} {what} {outcome.place}")


def _redriven(outcome: "Redriven", dry_run: bool) -> dict[str, Any]:
    state = "before" if outcome.before else "would" if dry_run else "redriven"
    return {**outcome.letter.plain(), "done": state, "to": outcome.place}


def _bootstrap(given: str | None) -> str:
    from handrail.audit.settings import AuditSettings

    return AuditSettings.of({"bootstrap": given}).bootstrap


def _table(letters: "Sequence[DeadLetter]") -> None:
    from rich.table import Table
    from rich.text import Text

    from handrail.desk.words import line

    table = Table(show_edge=False, pad_edge=False)
    for name in ("place", "at", "from", "key"):
        table.add_column(name, no_wrap=name != "key", overflow="fold")
    for name in ("reason", "redriven"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        cells = (f"{letter.partition}:{letter.offset}", letter.at, letter.origin, letter.header("key"))
        table.add_row(*(Text(line(cell)) for cell in (*cells, letter.header("reason"), _went(letter))))
    _console().print(table)


def _full(letter: "DeadLetter") -> None:
    from rich.text import Text

    from handrail.audit.deadletters import readable
    from handrail.desk.words import line

    console = _console()
    rows = [
        ("place", f"{letter.partition}:{letter.offset}"),
        ("at", letter.at),
        ("from", letter.origin),
        ("first place", letter.first_place),
        ("redriven", _went(letter) or "no"),
        ("key", letter.header("key")),
        ("reason", letter.header("reason")),
        *((name, letter.headers[name].decode(errors="backslashreplace")) for name in _others(letter)),
        ("bytes", f"{letter.size:,}"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        console.print(Text(f"{line(name):<{width}}  {line(value)}"), soft_wrap=True)
    console.print(Text("\n" + readable(letter.value or b"")), soft_wrap=True)


def _went(letter: "DeadLetter") -> str:
    """Where to, and when; empty where it was not redriven."""
    return "" if letter.redriven is None else "{1} at {0}".format(*letter.redriven)


def _others(letter: "DeadLetter") -> list[str]:
    from handrail.streams.governor.deadletters import FIRST_PLACE, OWN

    return [name for name in letter.headers if name not in OWN and name != FIRST_PLACE]


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=WIDTH, highlight=False)
