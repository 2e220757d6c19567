"""DuckDB's Quack, by which one process asks the database that another has open: loaded from packages, no download."""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from handrail.schemas.errors import SinkError

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
