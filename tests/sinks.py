"""Real sink processes for tests, and what they have stored."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from handrail.schemas.errors import ConfigError
from handrail.streams.sink.database import LIVE
from handrail.streams.sink.reading import open_readonly
from tests.databases import lay
from tests.processes import WAIT_S_MAX, HandrailProcess


class Sink(HandrailProcess):
    """`handrail sink`, with its data in `folder/data`."""

    def __init__(self, bootstrap: str, folder: Path, *options: str) -> None:
        self.data = folder / "data"
        lay(self.data / LIVE)
        given = ("--bootstrap", bootstrap, "--data", str(self.data), "--snapshot-s", "0.2", *options)
        super().__init__(folder / "sink.log", "sink", *given)

    def wait_stored(self, count: int, table: str = "events") -> None:
        """Returns when the snapshot has so many rows."""
        self.wait_until(lambda: stored(self.data, table) >= count)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns when it is true."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not condition():
            assert self.process.poll() is None, f"the sink ended: {self.said()}"
            assert time.monotonic() < deadline, f"nothing after {WAIT_S_MAX} s: {self.said()}"
            time.sleep(0.1)


@contextmanager
def sink(bootstrap: str, folder: Path, *options: str) -> Iterator[Sink]:
    """A sink that is ready, killed afterwards where the test has not ended it."""
    found = Sink(bootstrap, folder, *options)
    try:
        yield found.wait_ready()
    finally:
        found.kill()


def stored(data: Path, table: str) -> int:
    """How many rows a reader sees; 0 while there is nothing to read."""
    try:
        with open_readonly(data).connection as connection:
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    except (ConfigError, duckdb.Error):
        return 0
    return int(found[0]) if found else 0
