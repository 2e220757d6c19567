"""`handrail doctor`: what is wrong, and how to repair it."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.errors import NO, explained

if TYPE_CHECKING:
    from handrail.doctor.line import Line


@click.command()
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka's address; several with commas. [default: that of the `handrail up` on DATA, else 127.0.0.1:9092]",
)
@click.option("--policies", type=click.Path(path_type=Path), help="Folder of policy files.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the database and the logs. [default: handrail-data]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: ok, and lines {status, what, told, mend}.")
@explained
def doctor(bootstrap: str | None, policies: Path | None, data: Path | None, as_json: bool) -> None:
    """Look at everything Handrail needs, and say what is wrong and how to mend it.

    Libraries, settings and where each comes from, policies, the data folder, the broker and its topics, workers, the
    rules in force, the sink. Changes nothing; each look takes some seconds at most. Exit status 0: nothing is wrong, 1:
    something is.

    \b
    Examples:
      handrail doctor
      handrail doctor --bootstrap kafka-1:9092 --policies policies/packs --data /var/lib/handrail
      handrail doctor --json | jq '.lines[] | select(.status != "ok")'
    """
    from handrail.doctor.line import as_json as to_json
    from handrail.doctor.line import verdict

    logging.disable()  # the line of the broker has what libraries log of it
    options = {"bootstrap": bootstrap, "policies": policies, "data": data}
    lines = asyncio.run(_lines(options, show=not as_json))
    click.echo(to_json(lines) if as_json else verdict(lines))
    if any(line.status == "wrong" for line in lines):
        raise SystemExit(NO)


async def _lines(options: Mapping[str, Any], show: bool) -> "list[Line]":
    from handrail.doctor.line import as_text
    from handrail.doctor.run import examine

    lines: list[Line] = []
    async for results in examine(options):
        for line in results:
            lines.append(line)
            if show:
                click.echo(as_text(line))
    return lines
