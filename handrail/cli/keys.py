"""`handrail keys`: what decisions, control records and answers are signed with."""

from pathlib import Path

import click
import orjson

from handrail.cli.errors import explained

file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def keys() -> None:
    """Make a key to sign with, and show its public part.

    Workers sign what they decide (`--key FILE`); gates, which let actions through, accept what is signed by the public
    keys they were given. `up` and `demo` make a key of their own on their first start. Several workers share one key,
    or have one each, named in `keys.yaml` beside the policies. To replace a key, name the old and the new one there,
    change the workers, then take the old one out.
    """


@keys.command()
@file
@click.option("--if-missing", is_flag=True, help="Leave a key that is there already, and say which it is.")
@explained
def new(file: Path, if_missing: bool) -> None:
    """Make an Ed25519 key in FILE, which only you can read, and its public part in FILE.pub.

    \b
    Example:
      handrail keys new /etc/handrail/signing.key
    """
    from handrail.streams.keys import load_or_make_key, new_key, public_path

    key = load_or_make_key(file) if if_missing else new_key(file)
    click.echo(f"{file}: key {key.id}; give gates {public_path(file)}")


@keys.command()
@file
@click.option("--json", "as_json", is_flag=True, help="One JSON object: id, public.")
@explained
def show(file: Path, as_json: bool) -> None:
    """Show the public part of the key in FILE, as gates and `keys.yaml` take it.

    \b
    Example:
      handrail keys show /etc/handrail/signing.key
    """
    from handrail.streams.keys import read_key

    key = read_key(file)
    if as_json:
        click.echo(orjson.dumps({"id": key.id, "public": key.public.line}))
    else:
        click.echo(f"{key.public.line} {key.id}")
