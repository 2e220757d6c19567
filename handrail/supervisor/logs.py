"""What the children say on standard error: one file each, appended to, and moved aside where it has grown large."""

from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from handrail import private

BYTES_MAX = 10_000_000
TAIL_BYTES = 64_000
LINE_MAX = 500  # characters of a line that is shown


def open_log(path: Path) -> FileIO:
    """The file, at its end; a large one becomes `NAME.1`, in the place of the one before.

    Only its owner reads it: the desk tells its first login there.
    """
    private.made(path.parent)
    if path.exists() and path.stat().st_size > BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    path.touch(private.FILE)
    private.tightened(path)
    return path.open("ab", buffering=0)


def headline(text: str) -> bytes:
    """A line that says when something began."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n".encode()


def last_line(path: Path, since: int) -> str:
    """The last line behind the byte `since` that tells something; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    told = (line.strip() for line in reversed(lines))
    return next((line[:LINE_MAX] for line in told if line and not line.startswith("ready")), "")
