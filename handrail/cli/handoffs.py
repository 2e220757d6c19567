"""`handrail handoffs`: the human tier on the terminal."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.errors import NO, explained, fail, say, show_json, warn

if TYPE_CHECKING:
    from handrail.desk.handoff_view import HandoffView
    from handrail.desk.settings import DeskSettings

WIDTH = 110
Options = Callable[[Callable[..., Any]], Callable[..., Any]]

bootstrap = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
person = click.option("--by", metavar="ID", help="Who you are. [default: HANDRAIL_BY, else your login name]")
name = click.option("--name", "by_name", help="Your name, as others may read it.")
signing = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign with the key in this file; needed where keys.yaml names keys for resolutions.",
)
note = click.option("--note", help="What the next one who reads it should know; the agent gets it too.")
wait = click.option(
    "--wait-s",
    type=float,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for what came of it.",
)
handoff_id = click.argument("handoff", metavar="HANDOFF")


@click.group()
def handoffs() -> None:
    """Work what agents hand over: list, show, claim, approve, deny, resolve, return.

    A handoff is named by its id, by the beginning of it, or by its conversation's id where only one of it is open.
    Answers end with 0 when they counted and with 1 when not: it had expired, somebody was first, or a rule stands
    against it all the same.

    \b
    Example:
      handrail handoffs list
      handrail handoffs show hf-3f2a
      handrail handoffs approve hf-3f2a --note "checked the receipt"
    """


@handoffs.command("list")
@bootstrap
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.option("--queue", help="Of this queue only.")
@click.option("--kind", type=click.Choice(["route", "approval", "escalation"]), help="Of this kind only.")
@click.option("--priority", help="Of this priority only.")
@click.option("--conversation", help="Of this conversation only.")
@click.option("--mine", is_flag=True, help="Claimed by you.")
@click.option("--unclaimed", is_flag=True, help="Claimed by nobody.")
@person
@click.option("--json", "as_json", is_flag=True, help="For programs: an array of records with claim, answers and end.")
@explained
def list_(
    bootstrap: str | None,
    closed: bool,
    queue: str | None,
    kind: str | None,
    priority: str | None,
    conversation: str | None,
    mine: bool,
    unclaimed: bool,
    by: str | None,
    as_json: bool,
) -> None:
    """What waits for a person, the most urgent first."""
    from handrail.desk import show, wire

    settings = _settings(bootstrap, by)
    index = asyncio.run(wire.read(settings.bootstrap))
    wanted = {"queue": queue, "priority": priority, "kind": kind, "conversation_id": conversation}
    handoffs = [
        handoff
        for handoff in (index.all() if closed else index.open())
        if all(value is None or handoff.record[field] == value for field, value in wanted.items())
        and (not mine or handoff.is_claimed_by(settings.person.id))
        and (not unclaimed or handoff.claimed_by is None)
    ]
    for place in index.unreadable:
        warn(f"passed over: {place}")
    if index.unseen or (closed and index.past):
        warn(f"too many handoffs: the oldest {index.unseen} open and {index.past} closed ones are not shown")
    if as_json:
        show_json([_plain(handoff) for handoff in handoffs])
    elif handoffs:
        _console().print(show.listing(handoffs, index.short_id_length(), int(time.time() * 1000)))
    else:
        click.echo("nothing waits" if not closed else "no handoffs", err=True)


@handoffs.command()
@handoff_id
@bootstrap
@click.option("--json", "as_json", is_flag=True, help="The record itself, with claim, answers and end.")
@explained
def show(handoff: str, bootstrap: str | None, as_json: bool) -> None:
    """Everything about one handoff: the customer's words, what was tried, why it is here, what waits."""
    from handrail.desk import show as shown
    from handrail.desk import wire

    view = asyncio.run(wire.read(_settings(bootstrap, None).bootstrap, handoff)).find(handoff)
    if as_json:
        show_json(_plain(view))
    else:
        shown.full(_console(), view)


@handoffs.command()
@handoff_id
@bootstrap
@person
@name
@signing
@click.option("--take-over", is_flag=True, help="Also where somebody else has claimed it.")
@explained
def claim(
    handoff: str, bootstrap: str | None, by: str | None, by_name: str | None, key: Path | None, take_over: bool
) -> None:
    """Say that you work on it."""
    from handrail.desk import answering

    say(asyncio.run(answering.claim(_settings(bootstrap, by, by_name, key), handoff, take_over=take_over)))


@handoffs.command()
@handoff_id
@bootstrap
@person
@name
@signing
@note
@click.option(
    "--revision",
    type=click.IntRange(1),
    metavar="N",
    help="The revision that you saw, as `show` says; needed once the customer wrote or acted after it was asked.",
)
@wait
@explained
def approve(handoff: str, **options: Any) -> None:
    """Let the action that waits happen, once, exactly as `show` shows it.

    It is released only where you have seen what the customer wrote or did, and what ran, since it was asked.
    """
    _answer(handoff, "approved", **options)


@handoffs.command()
@handoff_id
@bootstrap
@person
@name
@signing
@note
@wait
@explained
def deny(handoff: str, **options: Any) -> None:
    """Refuse the action; the same call stays blocked for the rest of the conversation."""
    _answer(handoff, "denied", **options)


def _measures(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the handoff itself was worth."""
    for option in (
        click.option("--cost-usd", metavar="USD", help="What handling it cost, such as 4.20."),
        click.option("--handling-s", type=float, metavar="SECONDS", help="How long it took you."),
        click.option("--context-missing", multiple=True, metavar="WHAT", help="What you had to ask again; repeatable."),
        click.option(
            "--customer-repeated/--customer-not-repeated", default=None, help="Did the customer have to say it again?"
        ),
        click.option("--context-ok/--context-not-ok", default=None, help="Was all you needed there?"),
        click.option("--needed/--not-needed", "handoff_needed", default=None, help="Did it need a person at all?"),
        click.option("--label", "labels", multiple=True, help="A word for the analysts; repeatable."),
    ):
        command = option(command)
    return command


@handoffs.command()
@handoff_id
@bootstrap
@person
@name
@signing
@note
@_measures
@wait
@explained
def resolve(handoff: str, **options: Any) -> None:
    """Close it: you have helped the customer, and keep the conversation."""
    _answer(handoff, "resolved", **options)


@handoffs.command("return")
@handoff_id
@bootstrap
@person
@name
@signing
@note
@_measures
@wait
@explained
def return_(handoff: str, **options: Any) -> None:
    """Close it and give the conversation back to the AI, with a note."""
    _answer(handoff, "returned", **options)


def _answer(
    handoff: str,
    resolution: str,
    *,
    bootstrap: str | None,
    by: str | None,
    by_name: str | None,
    key: Path | None,
    wait_s: float,
    **fields: Any,
) -> None:
    from handrail.desk import answering

    settings = _settings(bootstrap, by, by_name, key)
    fields = {field: (list(value) or None) if isinstance(value, tuple) else value for field, value in fields.items()}
    result = asyncio.run(answering.answer(settings, handoff, resolution, wait_s=wait_s, **fields))
    if not result.counts:
        fail(result.line, NO)
    say(result.line)


def _settings(
    bootstrap: str | None, by: str | None, by_name: str | None = None, key: Path | None = None
) -> "DeskSettings":
    from handrail.desk.settings import DeskSettings

    return DeskSettings.of({"bootstrap": bootstrap, "by": by, "by_name": by_name, "key": key})


def _plain(handoff: "HandoffView") -> dict[str, Any]:
    answers = [answer.data for answer in handoff.answers]
    return {**handoff.record, "claim": handoff.claim, "answers": answers, "closed": handoff.closed}


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=WIDTH, highlight=False)
