"""`handrail desk`: the web page of the human tier."""

import asyncio
from pathlib import Path

import click

from handrail.cli.desk_users import users
from handrail.cli.errors import explained, say, warn
from handrail.private import keep_private


@click.group(invoke_without_command=True)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of sessions and local users. [default: handrail-data]",
)
@click.option(
    "--listen", metavar="HOST:PORT", help="Where the page is; a port alone: on 127.0.0.1. [default: 127.0.0.1:9470]"
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign answers with the key in this file; needed where keys.yaml names keys for resolutions.",
)
@click.pass_context
@explained
def desk(
    context: click.Context, bootstrap: str | None, data: Path | None, listen: str | None, key: Path | None
) -> None:
    """Serve the page where people work what agents hand over.

    Reads the handoffs and answers on Kafka, prints one line `ready …` with the address when it has, and runs until
    SIGTERM. It keeps nothing but sessions: what people did is on Kafka.

    \b
    Example:
      handrail desk --bootstrap 127.0.0.1:9092 --data handrail-data --key handrail-data/signing.key
    """
    if context.invoked_subcommand is not None:
        return
    from handrail.desk.settings import WebSettings
    from handrail.desk.web.security import SecuritySettings
    from handrail.desk.web.server import run

    settings = WebSettings.of({"bootstrap": bootstrap, "data": data, "listen": listen, "key": key})
    keep_private()
    asyncio.run(run(settings, SecuritySettings.of({}), say, warn))


desk.add_command(users)
