"""`handrail desk users`: who may log in at the desk, for teams without an OIDC provider."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from handrail.cli.errors import NO, explained, fail
from handrail.schemas.errors import ConfigError

DATA = Path("handrail-data")
ROLES = ("reader", "agent", "approver", "revealer", "admin")
LINE_MAX = 4_096

data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    show_default=True,
    help="Folder of the desk; the users are in desk-users.json in it.",
)
users_file = click.option(
    "--users",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file itself. [default: desk_users of the settings, else in --data]",
)
user = click.argument("user")
from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password's line from standard input.")


@click.group()
def users() -> None:
    """Say who may log in at the desk, with a password, and what they may do.

    A running desk sees a change at once. Who is removed, or gets another password, is logged out everywhere. The file
    holds argon2id hashes, and only its owner can read it.

    \b
    Example:
      handrail desk users add anna --role agent --role approver
      handrail desk users list
    """


@users.command()
@user
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    required=True,
    help="What they may do; repeatable. reader: see; agent: claim, resolve, return; approver: approve, deny; "
    "revealer: see redacted values; admin: all. Every role may see.",
)
@click.option("--name", help="The person's name, as others may read it. [default: USER]")
@from_stdin
@data
@users_file
@explained
def add(
    user: str, roles: tuple[str, ...], name: str | None, password_stdin: bool, data: Path, file: Path | None
) -> None:
    """Let USER in. Asks for a password of 12 characters or more.

    USER stands on the log as the one who answered: give it to one person only, for good.
    """
    from handrail.desk.web.security.users import changing

    path = _path(data, file)
    password = _password(password_stdin)
    with changing(path) as accounts:
        if user in accounts:
            raise ConfigError(f"{user}: is there already: change the password with `handrail desk users password`")
        accounts[user] = _user(id=user, name=name or user, roles=list(dict.fromkeys(roles)), password=password)
    click.echo(f"{user}: may log in ({', '.join(dict.fromkeys(roles))})")


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: an array of id, name, roles.")
@data
@users_file
@explained
def list_(as_json: bool, data: Path, file: Path | None) -> None:
    """Who may log in, and what they may do."""
    from handrail.desk.web.security.users import read

    accounts = [
        {"id": account.id, "name": account.name, "roles": list(account.roles)}
        for _, account in sorted(read(_path(data, file)).items())
    ]
    if as_json:
        click.echo(orjson.dumps(accounts, option=orjson.OPT_INDENT_2))
    for account in [] if as_json else accounts:
        click.echo(f"{account['id']:20}  {', '.join(account['roles']):30}  {account['name']}")
    if not accounts and not as_json:
        click.echo("no local users: add one with `handrail desk users add USER --role agent`", err=True)


@users.command()
@user
@data
@users_file
@explained
def remove(user: str, data: Path, file: Path | None) -> None:
    """Let USER in no more; whoever is logged in as USER is out with the next click."""
    from handrail.desk.web.security.users import changing

    with changing(_path(data, file)) as accounts:
        if accounts.pop(user, None) is None:
            _no_such_user(user)
    click.echo(f"{user}: may not log in any more")


@users.command()
@user
@from_stdin
@data
@users_file
@explained
def password(user: str, password_stdin: bool, data: Path, file: Path | None) -> None:
    """Give USER another password; whoever is logged in as USER has to log in again."""
    from handrail.desk.web.security.users import changing, read

    path = _path(data, file)
    if user not in read(path):
        _no_such_user(user)
    secret = _password(password_stdin)
    with changing(path) as accounts:
        if user not in accounts:
            _no_such_user(user)
        accounts[user] = accounts[user].model_copy(update={"password": secret})
    click.echo(f"{user}: has another password")


def _no_such_user(user: str) -> None:
    fail(f"{user}: is no local user: see `handrail desk users list`", NO)


def _path(data: Path, file: Path | None) -> Path:
    from handrail.desk.web.security.settings import SecuritySettings

    return SecuritySettings.of({"desk_users": file}).users_file(data)


def _password(stdin: bool) -> str:
    """The hash of the password that was given. Raises ConfigError."""
    from handrail.desk.web.security.passwords import hashed

    if stdin:
        return hashed(sys.stdin.readline(LINE_MAX).rstrip("\r\n"))
    ask: Callable[..., Any] = click.prompt
    return hashed(ask("Password", hide_input=True, confirmation_prompt="Once more", err=True))


def _user(**fields: Any) -> Any:
    from pydantic import ValidationError

    from handrail.desk.web.security.users import User

    try:
        return User(**fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(
            f"{first['loc'][0]}: {first['msg']}: take small letters, digits, `.`, `_`, `@` and `-`, 64 at most"
        ) from None
