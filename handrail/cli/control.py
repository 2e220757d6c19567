"""`handrail control`: what an operator says to a running cluster."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from handrail.cli.errors import explained
from handrail.schemas.errors import ConfigError

Options = Callable[..., Any]

_BOOTSTRAP = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
_KEY = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign with the key in this file; needed where workers sign. `up` keeps its own in DATA/signing.key.",
)
_BY = click.option("--by", metavar="ID", help="Who says it.")
_REASON = click.option("--reason", help="Why, for whoever reads the log.")


def common(function: Options) -> Options:
    """The options that all of these have."""
    return _BOOTSTRAP(_KEY(_BY(function)))


@click.group()
def control() -> None:
    """Tell the workers what holds from now on: an agent's mode, a breaker, a queue, a verified model, a baseline.

    Each is one signed record in every partition of the log, so it is part of what a replay sees. One that is not signed
    by a key that counts there changes nothing: it becomes a dead letter and a `bypass` alert.
    """


@control.command()
@click.argument("agent")
@click.argument("mode", type=click.Choice(["ai", "supervised", "human"]))
@click.option("--tenant", help="For this tenant only.")
@click.option("--intent", "intents", multiple=True, help="For these intents only.")
@click.option("--share", type=click.FloatRange(0, 1), help="For this share of the conversations only.")
@_REASON
@common
@explained
def mode(
    agent: str,
    mode: str,
    tenant: str | None,
    intents: tuple[str, ...],
    share: float | None,
    reason: str | None,
    **common: Any,
) -> None:
    """How far AGENT may go by itself: `ai`, `supervised` (writes and answers need approval) or `human`.

    \b
    Example:
      handrail control mode refunds supervised --reason "drift alert al-3f2a" --key handrail-data/signing.key
    """
    data = {"agent_id": agent, "mode": mode, "tenant": tenant, "intents": list(intents) or None, "share": share}
    _publish("agent.mode", {**data, "reason": reason}, common)


@control.command()
@click.argument("agent")
@click.argument("first", metavar="FROM", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("last", metavar="TO", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--intent", help="For this intent only.")
@common
@explained
def baseline(agent: str, first: datetime, last: datetime, intent: str | None, **common: Any) -> None:
    """The days from FROM up to, and without, TO (UTC, such as 2026-10-01) are what AGENT is measured against."""
    if first >= last:
        raise ConfigError(f"handrail control baseline: {first:%Y-%m-%d} is not before {last:%Y-%m-%d}")
    days = {"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"}
    _publish("baseline.set", {"agent_id": agent, **days, "intent": intent}, common)


@control.command()
@click.argument("agent")
@click.argument("state", type=click.Choice(["closed", "open", "half_open"]))
@_REASON
@common
@explained
def breaker(agent: str, state: str, reason: str | None, **common: Any) -> None:
    """Open AGENT's breaker, which takes it out of service, try it, or close it."""
    _publish("breaker.changed", {"agent_id": agent, "state": state, "reason": reason}, common)


@control.command()
@click.argument("name", metavar="QUEUE")
@click.option("--open", "open_", type=click.IntRange(0), required=True, help="How many wait in it.")
@click.option("--wait-s", type=click.IntRange(0), required=True, metavar="SECONDS", help="How long they wait.")
@common
@explained
def queue(name: str, open_: int, wait_s: int, **common: Any) -> None:
    """How many wait in QUEUE of the human tier, and how long: handoffs promise no more than that."""
    _publish("queue.state", {"queue": name, "open": open_, "wait_s": wait_s}, common)


@control.command()
@click.argument("agent")
@click.argument("served", metavar="MODEL")
@click.option("--provider", default="unknown", help="Who serves it.")
@common
@explained
def model(agent: str, served: str, provider: str, **common: Any) -> None:
    """MODEL, as the provider names what it served, has passed its tests for AGENT and may answer by itself again."""
    _publish(
        "model.verified", {"agent_id": agent, "model": {"provider": provider, "name": served, "served": served}}, common
    )


@control.command()
@click.argument("conversations", metavar="CONVERSATION...", nargs=-1, required=True)
@_REASON
@common
@explained
def forget(conversations: tuple[str, ...], reason: str | None, **common: Any) -> None:
    """Workers forget what was said and tried in CONVERSATION, at once.

    What was decided against it stays, without words: a halt, a denial, an owner, an open handoff. The events themselves
    stay on the log until its retention ends.
    """
    from handrail.schemas.identity import mistake_in
    from handrail.streams.engine.publish_control import forget as tell_forget
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.keys import key_of

    if common["by"] is not None and (mistake := mistake_in(common["by"])) is not None:
        raise ConfigError(f"handrail control: --by: {mistake}")
    settings = WorkerSettings.of({"bootstrap": common["bootstrap"], "key": common["key"]})
    fields = {"reason": reason, "by": None if common["by"] is None else {"id": common["by"]}}
    data = {name: value for name, value in fields.items() if value is not None}
    asyncio.run(tell_forget(settings.bootstrap, conversations, data, key_of(settings.key)))
    click.echo(f"control.forget: told of {len(conversations)} conversations")


def _publish(kind: str, data: dict[str, Any], common: dict[str, Any]) -> None:
    from handrail.schemas.identity import mistake_in
    from handrail.streams.engine.publish_control import publish_control
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.keys import key_of

    for option, name in (("AGENT", data.get("agent_id")), ("--tenant", data.get("tenant")), ("--by", common["by"])):
        if name is not None and (mistake := mistake_in(name)) is not None:
            raise ConfigError(f"handrail control: {option}: {mistake}")
    settings = WorkerSettings.of({"bootstrap": common["bootstrap"], "key": common["key"]})
    fields = {**data, "by": None if common["by"] is None else {"id": common["by"]}}
    fields = {name: value for name, value in fields.items() if value is not None}
    count = asyncio.run(publish_control(settings.bootstrap, kind, fields, key_of(settings.key)))
    click.echo(f"control.{kind}: told to {count} partitions")
