"""`handrail policy activate` and `withdraw`: put a folder of policies in force, and take a record off its topic."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import click
import orjson

from handrail.cli.errors import NO, explained

_BOOTSTRAP = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
_KEY = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign with the key in this file; needed where workers sign. `up` keeps its own in DATA/signing.key.",
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_BOOTSTRAP
@_KEY
@click.option(
    "--wait-s",
    type=click.FloatRange(0),
    default=10.0,
    metavar="SECONDS",
    help="How long to wait for the workers' answers. [default: 10]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: ruleset, before, answers by partition.")
@explained
def activate(folder: Path, bootstrap: str | None, key: Path | None, wait_s: float, as_json: bool) -> None:
    """Publish the policies in FOLDER and put them in force, without restarting anything.

    Every partition gets one record; what stands behind it on the log is decided by the new rules, also when the log is
    replayed. Where these rules are in force already, nothing is written. A folder with a mistake is refused whole.

    Waits until the worker of each partition has taken the record or refused it, and says which: a key that does not
    count there puts nothing in force. Ends with 0 where the rules decide in every partition, else with 1.

    Workers that are started with another --policies folder publish theirs: change that folder too.

    \b
    Examples:
      handrail policy check my-policies && handrail policy test my-policies
      handrail policy activate my-policies --bootstrap kafka-1:9092
    """
    from handrail.policies import load_bundle
    from handrail.policies.lint import all_warnings
    from handrail.streams.engine.activate import activate as put_in_force
    from handrail.streams.engine.activate import by_answer, listed
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.keys import key_of

    bundle = load_bundle(folder)
    for warning in all_warnings(bundle):
        click.echo(f"warning: {warning}", err=True)
    settings = WorkerSettings.of({"bootstrap": bootstrap, "key": key})
    done = asyncio.run(put_in_force(settings.bootstrap, bundle, key_of(settings.key), wait_s))
    if as_json:
        report = {"ruleset": bundle.ruleset, "before": before(done.before) or None, "answers": done.answers}
        click.echo(orjson.dumps(report, option=orjson.OPT_NON_STR_KEYS))
    elif not done.answers:
        click.echo(f"{bundle.ruleset} is in force already")
    for why, numbers in by_answer(done.answers).items():
        if why is not None:
            click.echo(f"{bundle.ruleset} does not decide in {listed(numbers)}: {why}", err=True)
        elif not as_json:
            click.echo(f"{bundle.ruleset} is in force in {len(numbers)} partitions; before: {before(done.before)}")
    if any(why is not None for why in done.answers.values()):
        raise SystemExit(NO)


def before(rulesets: Mapping[int, str]) -> str:
    """What was in force, each once."""
    return ", ".join(sorted(set(rulesets.values()) - {""})) or "none"


@click.command()
@click.argument("record")
@_BOOTSTRAP
@_KEY
@click.option("--json", "as_json", is_flag=True, help="One JSON object: withdrawn, in_force.")
@explained
def withdraw(record: str, bootstrap: str | None, key: Path | None, as_json: bool) -> None:
    """Take RECORD off the topic of the bundles: a bundle that must not be used, or what somebody else wrote there.

    RECORD is its key, such as sha256:…, or its offset, as workers and `handrail doctor` name it. What was decided by a
    bundle stays decided. A bundle that is in force anywhere is not withdrawn: activate another one first.

    \b
    Examples:
      handrail policy withdraw 17
      handrail policy withdraw sha256:3f2a… --key handrail-data/signing.key
    """
    from handrail.streams.engine.activate import by_answer, listed
    from handrail.streams.engine.activate import withdraw as take_off
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.keys import key_of

    settings = WorkerSettings.of({"bootstrap": bootstrap, "key": key})
    done = asyncio.run(take_off(settings.bootstrap, record, key_of(settings.key)))
    name = done.key.decode(errors="backslashreplace")
    if as_json:
        click.echo(orjson.dumps({"withdrawn": name, "in_force": done.in_force}, option=orjson.OPT_NON_STR_KEYS))
        return
    click.echo(f"withdrawn: {name}")
    for ruleset, numbers in by_answer(done.in_force).items():
        click.echo(f"in force: {ruleset or 'nothing'} in {listed(numbers)}")
