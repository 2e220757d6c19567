"""`handrail demo`."""

import tempfile
from pathlib import Path

import click

from handrail.cli.errors import explained
from handrail.private import keep_private

WIDTH = 110


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
@click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the demo's files here: events, database, logs. Without it they are thrown away.",
)
@explained
def demo(keep: bool, data_dir: Path | None) -> None:
    """Play conversations through an embedded broker, and see what was decided and why.

    Starts a broker, a worker and the sink on this machine, lets a made-up shop's agent talk to its customers, and shows
    every decision, one handoff in full, and cost beside satisfaction by day. Takes less than a minute.
    """
    from rich.console import Console

    from handrail.demo.run import run

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own
        console = Console(width=WIDTH)
    keep_private()
    if data_dir is not None:
        run(data_dir, keep, console)
        return
    with tempfile.TemporaryDirectory(prefix="handrail-demo-") as folder:
        run(Path(folder), keep, console)
    console.print("Its files are gone now: `handrail demo --data DIR` keeps them for these commands.", highlight=False)
