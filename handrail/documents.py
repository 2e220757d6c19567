"""The documents that are made from the code: `python -m handrail.documents` writes them, `--check` compares.

JSON Schemas and AsyncAPI of the records, JSON Schemas of the policy files, and the reference of the command line.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import orjson
import yaml

from handrail.cli import main as handrail_command
from handrail.policies import json_schema as policy_schema
from handrail.schemas import asyncapi, json_schema

ROOT = Path(__file__).resolve().parents[1]
RECORDS = "handrail/schemas/json/records"
POLICIES = "handrail/policies/json"
ASYNCAPI = "handrail/schemas/asyncapi.yaml"
HEAD = """\
# The command line
Standard output is for results, standard error for progress and logs. Exit status: 0 done, 1 the answer is no, 2 wrong
use. Settings come from options, then `HANDRAIL_*` in the environment, then `handrail.yaml` in the working folder.
"""
WIDTH = 110


def documents() -> dict[str, str]:
    """The text of each document, by its path in the project."""
    made = {f"{RECORDS}/{json_schema.short(name)}.json": _json(json_schema.of(name)) for name in json_schema.TYPES}
    made |= {f"{POLICIES}/{kind}.json": _json(policy_schema.of(kind)) for kind in policy_schema.KINDS}
    made[ASYNCAPI] = yaml.safe_dump(asyncapi.document(version("handrail")), sort_keys=False, width=120)
    made["docs/cli.md"] = command_reference()
    return made


def stale(root: Path = ROOT) -> list[str]:
    """The paths that are not as the code says, or that no code makes any more."""
    made = documents()
    there = {path.relative_to(root).as_posix() for folder in (RECORDS, POLICIES) for path in (root / folder).glob("*")}
    wrong = [path for path, text in made.items() if not (root / path).is_file() or (root / path).read_text() != text]
    return sorted({*wrong, *(there - made.keys())})


def write(root: Path = ROOT) -> None:
    """Every document is as the code says; what no code makes any more is gone."""
    made = documents()
    for path in stale(root):
        if path not in made:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path])


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def command_reference() -> str:
    """The page of the command line: Markdown with one section for each command, in the order of their names."""
    sections = [
        f"\n## {' '.join(path)}\n```\n{text}\n```\n" for path, text in _help_pages(handrail_command, ("handrail",))
    ]
    return HEAD + "".join(sections)


def _help_pages(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    context = click.Context(command, info_name=" ".join(path), max_content_width=WIDTH, terminal_width=WIDTH)
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            if subcommand is not None and not subcommand.hidden:
                yield from _help_pages(subcommand, (*path, name))


def main() -> None:
    """Write, or with `--check` say what is stale and end with 1."""
    if "--check" not in sys.argv[1:]:
        write()
        return
    if wrong := stale():
        sys.exit(f"stale: {', '.join(wrong)}: run `make docs`")


if __name__ == "__main__":
    main()
