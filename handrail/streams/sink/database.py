"""One way to open the analytics database, so that writer and readers agree on time, memory and extensions."""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from handrail.schemas.errors import SinkError

LIVE = "handrail.duckdb"
SNAPSHOT = "handrail.snapshot.duckdb"
BATCH = "handrail.batch.jsonl"
LIVE_FILE = "handrail.live.json"
"""Where the sink serves its open database, and the token that lets readers in."""

CLOSED = {
    "autoinstall_known_extensions": "false",  # nothing is fetched from the net behind a user's back
    "python_enable_replacements": "false",  # a name in a query is a table, never a variable of this process
}
WRITER = {
    "memory_limit": "512MB",  # a batch needs a tenth of it; what is beyond goes to the disk
    "threads": "1",  # a batch is too small for more; the other cores are for reading the log and for the broker
    # A checkpoint writes whole row groups anew. By default there is one every two or three batches, which takes half of
    # the time; a snapshot brings one anyway.
    "checkpoint_threshold": "128MB",
}
READER = {
    "memory_limit": "1GB",
    "max_temp_directory_size": "10GB",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
INSIDE = {"enable_external_access": "false"}


def connect(path: Path, *, read_only: bool, external: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection that counts and shows time in UTC. Raises duckdb.Error, IOException where another process writes.

    One that only reads has no other file, no net and no code from elsewhere, unless `external`, and keeps to it: its
    settings are locked.
    """
    settings = {**CLOSED, **(READER if read_only else WRITER), **(INSIDE if read_only and not external else {})}
    connection = duckdb.connect(str(path), read_only=read_only, config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    if read_only:
        connection.execute("SET allowed_configs = ['TimeZone']")
        connection.execute("SET lock_configuration = true")
    return connection


NEEDED = ("httpfs", "quack")  # in this order: quack speaks over what httpfs brings


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """The connection's database can serve and ask. Raises SinkError where a package is missing or does not fit."""
    for name in NEEDED:
        try:
            connection.execute(f"LOAD '{extension(name)}'")
        except duckdb.Error as error:
            raise SinkError(f"duckdb extension {name}: {' '.join(str(error).split())}") from error


def extension(name: str) -> Path:
    """The file of an extension that fits this DuckDB. Raises SinkError, saying what to install."""
    package = find_spec(f"duckdb_extension_{name}")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}"
        if (file := folder / f"{name}.duckdb_extension").is_file():
            return file
    wanted = f"duckdb-extension-{name}=={duckdb.__version__}"
    raise SinkError(f"duckdb extension {name}: not here for DuckDB {duckdb.__version__}: pip install '{wanted}'")
