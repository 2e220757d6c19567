"""Rewrites the database as a file with its rows and nothing else. DuckDB leaves what was deleted in free pages.

    python -m handrail.streams.sink.rewrite DATABASE

By a process of its own, which gets the file when no other has it open any more, be it for a live query of the sink.
"""

import subprocess
import sys
import time
from pathlib import Path

import duckdb

from handrail.schemas.errors import SinkError
from handrail.streams.sink.database import connect

DRAFT = ".rewrite"
LOCKED_STATUS = 3  # exit status: another process has it open
WAIT_S_MAX, POLL_S = 30.0, 0.1


def rewrite(path: Path) -> None:
    """The file holds its rows, and nothing that was deleted. Raises duckdb.IOException where others have it open."""
    draft = path.with_suffix(DRAFT)
    log = draft.with_suffix(f"{DRAFT}.wal")
    for file in (draft, log):
        file.unlink(missing_ok=True)  # of a process that was killed
    with connect(path, read_only=False) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f"ATTACH '{_quoted(draft)}' AS fresh")
        connection.execute(f'COPY FROM DATABASE "{name}" TO fresh')
        connection.execute("CHECKPOINT fresh")
        connection.execute("DETACH fresh")
    draft.replace(path)


def rewrite_elsewhere(path: Path) -> bool:
    """The same by another process, so that this one's locks stand; False where the file stays locked for WAIT_S_MAX.

    Raises SinkError where disk or database refuse.
    """
    deadline_s = time.monotonic() + WAIT_S_MAX
    while True:
        command = [sys.executable, "-m", "handrail.streams.sink.rewrite", str(path)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode == 0:
            return True
        if process.returncode != LOCKED_STATUS:
            output = " ".join(process.stderr.split())[-500:]
            raise SinkError(f"sink: {path}: cannot be written anew: {output}: is there room for a copy on the disk?")
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(POLL_S)  # DuckDB does not notify when a query ends


def is_locked(error: duckdb.Error) -> bool:
    """Whether the file was refused because another process has it open."""
    return isinstance(error, duckdb.IOException) and "lock" in str(error)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def main() -> int:
    try:
        rewrite(Path(sys.argv[1]))
    except duckdb.Error as error:
        sys.stderr.write(f"{error}\n")
        return LOCKED_STATUS if is_locked(error) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
