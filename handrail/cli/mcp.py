"""`handrail mcp`: an MCP server, with each call of its tools governed."""

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from handrail.cli.errors import explained
from handrail.client.agent import APPROVAL_TIMEOUT_S
from handrail.client.client import TIMEOUT_S

LINE_MAX = 1_000  # characters


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--agent-id", envvar="HANDRAIL_AGENT_ID", metavar="ID", help="Whose calls these are. [default: mcp]")
@click.option(
    "--conversation",
    envvar="HANDRAIL_CONVERSATION",
    metavar="ID",
    help="The conversation that they belong to. [default: a new one for each session]",
)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option("--tenant", envvar="HANDRAIL_TENANT", metavar="ID", help="Whose limits count. [default: default]")
@click.option(
    "--timeout-s",
    type=click.FloatRange(0, min_open=True),
    default=TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a decision; without one the call is refused.",
)
@click.option(
    "--approval-timeout-s",
    type=click.FloatRange(0),
    default=APPROVAL_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a person; then the call is refused, and gets the answer when it is made again.",
)
@click.option("--observe", is_flag=True, help="Tell everything, hold and refuse nothing.")
@click.option(
    "--gate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="STORE",
    help="Claim each decision in this file before its call is made, so that none is acted on twice.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The public keys whose decisions the gate accepts (`FILE.pub` of `handrail keys new`).",
)
@explained
def mcp(
    command: tuple[str, ...],
    agent_id: str | None,
    conversation: str | None,
    bootstrap: str | None,
    tenant: str | None,
    timeout_s: float,
    approval_timeout_s: float,
    observe: bool,
    gate: Path | None,
    keys: Path | None,
) -> None:
    """Govern the tools of an MCP server: start COMMAND and stand between it and the client.

    A client starts this instead of the server, and speaks to it over standard input and output. Each call of a tool is
    asked for first, reaches the server only when it is allowed, and its result is told. One that is refused is answered
    with an error that the model can read. All other messages pass as they are. Ends with the server's exit status.

    \b
    Example, in place of `npx -y @modelcontextprotocol/server-filesystem /srv/files`:
      handrail mcp --agent-id files -- npx -y @modelcontextprotocol/server-filesystem /srv/files
    """
    from handrail.client.connection import resolve_bootstrap
    from handrail.mcp import Settings, run
    from handrail.mcp.settings import AGENT_ID, new_conversation

    settings = Settings(
        command=command,
        bootstrap=resolve_bootstrap(bootstrap),
        agent_id=agent_id or AGENT_ID,
        conversation=conversation or new_conversation(),
        timeout_s=timeout_s,
        approval_timeout_s=approval_timeout_s,
        tenant=tenant,
        observe=observe,
        gate=gate,
        keys=keys,
    )
    raise SystemExit(asyncio.run(run(settings, _say)))


def _say(line: str) -> None:
    """One printable line: text of a client must not look like another line."""
    shown = "".join(character if character.isprintable() else "?" for character in line[:LINE_MAX])
    with suppress(OSError):
        click.echo(f"handrail mcp: {shown}", err=True)
