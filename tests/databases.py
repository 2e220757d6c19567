"""Databases for tests: copies of one that is empty and has its tables, which takes a tenth of making them anew."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from handrail.streams.sink.store import Store


def open_store(path: Path) -> Store:
    """The database at `path`, which is there from now on."""
    lay(path)
    return Store.open(path)


def lay(path: Path) -> None:
    """An empty database lies at `path`, unless one does already."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="handrail-database-"))
    try:
        Store.open(folder / "empty.duckdb").close()
        return (folder / "empty.duckdb").read_bytes()
    finally:
        shutil.rmtree(folder)
