"""`handrail deadletters`: what could not be read or folded."""

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.errors import explained
from handrail.schemas.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from handrail.audit.deadletters import Letter

WIDTH = 110
PLACE = re.compile(r"^(\d{1,9})[: ](\d{1,18})$")

bootstrap = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)


@click.group()
def deadletters() -> None:
    """What could not be read or folded: where it came from, why, and the bytes themselves.

    A record that breaks the contract decides nothing and is kept on governance.deadletters.v1, byte for byte.

    \b
    Examples:
      handrail deadletters list --reason "not JSON"
      handrail deadletters show 2:17
    """


@deadletters.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N.")
@click.option("--reason", metavar="TEXT", default="", help="Only those whose reason contains this, in either case.")
@bootstrap
@click.option("--json", "as_json", is_flag=True, help="For programs: an array, the newest last.")
@explained
def list_(limit: int, reason: str, bootstrap: str | None, as_json: bool) -> None:
    """The newest dead letters, the newest last.

    `place` is that of the dead letter, for `show`; `from` is where the record lay.

    \b
    Examples:
      handrail deadletters list --limit 10
      handrail deadletters list --reason murmur2 --json | jq -r .[].key
    """
    from handrail.audit.deadletters import newest

    found, count = asyncio.run(newest(_bootstrap(bootstrap), limit, reason))
    if as_json:
        _print_json([letter.plain() for letter in found])
    elif found:
        _table(found)
    else:
        click.echo("no dead letters" + (f" with {reason!r} in their reason" if reason else ""), err=True)
    if count > len(found):
        click.echo(f"the newest {len(found):,} of {count:,}: --limit shows more", err=True)


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
    from handrail.audit.deadletters import one

    named = PLACE.match(" ".join(place))
    if named is None:
        raise ConfigError(f"handrail deadletters show: {' '.join(place)!r}: give PARTITION:OFFSET, such as 2:17")
    if raw and as_json:
        raise ConfigError("handrail deadletters show: give --raw or --json, not both")
    letter = asyncio.run(one(_bootstrap(bootstrap), int(named[1]), int(named[2])))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        sys.stdout.buffer.flush()
    elif as_json:
        _print_json(letter.plain())
    else:
        _full(letter)


def _bootstrap(given: str | None) -> str:
    from handrail.audit.settings import AuditSettings
    from handrail.streams.process import quiet_logs

    quiet_logs()
    return AuditSettings.of({"bootstrap": given}).bootstrap


def _table(found: "Sequence[Letter]") -> None:
    from rich.table import Table
    from rich.text import Text

    from handrail.desk.words import line

    table = Table(show_edge=False, pad_edge=False)
    for name in ("place", "at", "from", "key"):
        table.add_column(name, no_wrap=name != "key", overflow="fold")
    table.add_column("reason", overflow="fold")
    for letter in found:
        cells = (f"{letter.partition}:{letter.offset}", letter.at, letter.origin, letter.header("key"))
        table.add_row(*(Text(line(cell)) for cell in (*cells, letter.header("reason"))))
    _console().print(table)


def _full(letter: "Letter") -> None:
    from rich.text import Text

    from handrail.audit.dump import readable
    from handrail.desk.words import line

    console = _console()
    told = [
        ("place", f"{letter.partition}:{letter.offset}"),
        ("at", letter.at),
        ("from", letter.origin),
        ("key", letter.header("key")),
        ("reason", letter.header("reason")),
        *((name, letter.headers[name].decode(errors="backslashreplace")) for name in _others(letter)),
        ("bytes", f"{letter.size:,}"),
    ]
    width = max(len(name) for name, _ in told)
    for name, said in told:
        console.print(Text(f"{line(name):<{width}}  {line(said)}"), soft_wrap=True)
    console.print(Text("\n" + readable(letter.value or b"")), soft_wrap=True)


def _others(letter: "Letter") -> list[str]:
    shown = {f"handrail-{name}" for name in ("topic", "partition", "offset", "key", "reason", "at")}
    return [name for name in letter.headers if name not in shown]


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=WIDTH, highlight=False)
