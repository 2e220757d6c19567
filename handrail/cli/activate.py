"""`handrail policy activate`: put a folder of policies in force."""

import asyncio
from pathlib import Path

import click
import orjson

from handrail.cli.errors import explained


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign with the key in this file; needed where workers sign. `up` keeps its own in DATA/signing.key.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: ruleset, before, partitions.")
@explained
def activate(folder: Path, bootstrap: str | None, key: Path | None, as_json: bool) -> None:
    """Publish the policies in FOLDER and put them in force, without restarting anything.

    Every partition gets one record; what stands behind it on the log is decided by the new rules, also when the log is
    replayed. Where these rules are in force already, nothing is written. A folder with a mistake is refused whole.

    Workers that are started with another --policies folder publish theirs: change that folder too.

    \b
    Examples:
      handrail policy check my-policies && handrail policy test my-policies
      handrail policy activate my-policies --bootstrap kafka-1:9092
    """
    from handrail.policies import load_bundle
    from handrail.policies.lint import all_warnings
    from handrail.streams.engine.activate import activate as put_in_force
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.keys import key_of

    bundle = load_bundle(folder)
    for warning in all_warnings(bundle):
        click.echo(f"warning: {warning}", err=True)
    settings = WorkerSettings.of({"bootstrap": bootstrap, "key": key})
    done = asyncio.run(put_in_force(settings.bootstrap, bundle, key_of(settings.key)))
    if as_json:
        told = {"ruleset": bundle.ruleset, "before": done.before or None, "partitions": done.partitions}
        click.echo(orjson.dumps(told))
    elif done.partitions:
        click.echo(f"{bundle.ruleset} is in force in {done.partitions} partitions; before: {done.before or 'none'}")
    else:
        click.echo(f"{bundle.ruleset} is in force already")
