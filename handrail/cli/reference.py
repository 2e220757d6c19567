"""The command line as a page: what `--help` says of every command."""

from collections.abc import Iterator

import click

from handrail.cli import main

HEAD = """\
# The command line
Standard output is for results, standard error for progress and logs. Exit status: 0 done, 1 the answer is no, 2 wrong
use. Settings come from options, then `HANDRAIL_*` in the environment, then `handrail.yaml` in the working folder.
"""
WIDTH = 110


def page() -> str:
    """Markdown with one section for each command, in the order of their names."""
    sections = [f"\n## {' '.join(path)}\n```\n{text}\n```\n" for path, text in _helps(main, ("handrail",))]
    return HEAD + "".join(sections)


def _helps(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    context = click.Context(command, info_name=" ".join(path), max_content_width=WIDTH, terminal_width=WIDTH)
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _helps(found, (*path, name))
