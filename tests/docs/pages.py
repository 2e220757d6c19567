"""The pages of the documentation as something that runs, from the first line to the last.

A ```console block holds `$ command` lines (a `\\` at the end carries on) and their output; a command that ends with `&`
runs on, and what follows waits until it has printed a line that starts with `ready`. A ```python or ```yaml block
whose first line is a comment with a file's name is that file. What needs a network or a checkout is passed over.
Where the line before a ```console block is `<!-- exact -->`, its commands print what stands there, to the last digit.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\s*$")
NAMED = re.compile(r"^# ([\w./-]+\.\w+)\s*$")
NOT_RUN = ("pip ", "git ", "make", "docker ", "python3 -m venv", ". .venv", "source ", "cd ")
EXACT = "<!-- exact -->"
READY_S = 60
PRELUDE = f"""\
set -u -o pipefail
running=()
end() {{  # what was started last may need what was started before, so it ends first
  for ((at=${{#running[@]}}-1; at>=0; at--)); do kill "${{running[at]}}"; wait "${{running[at]}}"; done 2>/dev/null
}}
trap end EXIT
ready() {{
  for ((tenth=0; tenth<{READY_S * 10}; tenth++)); do
    grep -qs '^ready' "$1" && return
    kill -0 "${{running[-1]}}" 2>/dev/null || break
    sleep 0.1
  done
  echo "never ready: $(cat "$1" "$1.err")" >&2
  exit 1
}}
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file that the page shows."""

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the page gives; `background`: it runs on. `prints`: exactly this, None where that may differ."""

    line: int
    text: str
    background: bool
    prints: str | None = None


def steps(page: str) -> Iterator[File | Command]:
    """What a reader does, in the order of the page."""
    for kind, first, lines, exact in _blocks(page):
        if kind == "console":
            yield from _commands(first, lines, exact)
        elif kind in ("python", "yaml", "json") and lines and (named := NAMED.match(lines[0])):
            yield File(first, named[1], "\n".join(lines) + "\n")


def script(page: Path) -> str:
    """A bash script that does what a reader does, and stops with the page's line where a command fails."""
    parts = [PRELUDE]
    for number, step in enumerate(steps(page.read_text())):
        place = f"{page.name}:{step.line}"
        if isinstance(step, File):
            folder = shlex.quote(str(Path(step.name).parent))
            parts.append(
                f"mkdir -p {folder}; cat > {shlex.quote(step.name)} <<'EOF_{number}'\n{step.text}EOF_{number}\n"
            )
        elif step.background:
            out = f".ready-{number}"
            parts.append(f"{step.text} > {out} 2> {out}.err &\nrunning+=($!)\nready {out}\n")
        elif not step.text.startswith(NOT_RUN):
            parts.append(_foreground(step, place, number))
    return "".join(parts)


def _foreground(command: Command, place: str, number: int) -> str:
    failed, differs = (shlex.quote(f"{place}: {how}: {command.text}") for how in ("failed", "prints something else"))
    if command.prints is None:
        return f"{command.text}\n[ $? = 0 ] || {{ echo {failed} >&2; exit 1; }}\n"
    return f"""\
cat > .expected <<'EOF_{number}'
{command.prints}EOF_{number}
{command.text} > .printed
[ $? = 0 ] || {{ echo {failed} >&2; exit 1; }}
diff --ignore-trailing-space .expected .printed >&2 || {{ echo {differs} >&2; exit 1; }}
"""


def _blocks(page: str) -> Iterator[tuple[str, int, list[str], bool]]:
    """Kind, number of the first line, and lines of each fenced block, and whether it is exact."""
    kind, first, lines, exact = "", 0, list[str](), False
    inside = False
    for number, line in enumerate(page.splitlines(), 1):
        fence = FENCE.match(line.strip())
        if fence is None:
            lines.append(line)
        elif inside:
            yield kind, first, lines, exact
            lines, inside = [], False
        else:
            exact = bool(lines) and lines[-1] == EXACT
            kind, first, lines, inside = fence[1], number + 1, [], True


def _commands(first: int, lines: list[str], exact: bool) -> Iterator[Command]:
    at = 0
    while at < len(lines):
        line, number = lines[at], first + at
        at += 1
        if not line.startswith("$ "):
            continue
        text = line[2:]
        while text.endswith("\\") and at < len(lines):
            text += "\n" + lines[at]
            at += 1
        printed = list[str]()
        while at < len(lines) and not lines[at].startswith("$ "):
            printed.append(f"{lines[at]}\n")
            at += 1
        background = text.rstrip().endswith("&") and not text.rstrip().endswith("&&")
        text = text.rstrip().removesuffix("&").rstrip() if background else text
        yield Command(number, text, background, "".join(printed) if exact else None)
