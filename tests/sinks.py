"""Real sink processes for tests: started, waited for, stopped, killed; and what they have stored."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from handrail.schemas.errors import ConfigError
from handrail.streams.sink.reading import open_readonly

WAIT_S_MAX = 60.0


class Sink:
    """`handrail sink` in a process of its own, with its data in `folder/data`."""

    def __init__(self, bootstrap: str, folder: Path, *options: str) -> None:
        self.data, self.errors = folder / "data", folder / "sink.log"
        given = ["--bootstrap", bootstrap, "--data", str(self.data), "--snapshot-s", "0.2", *options]
        with self.errors.open("ab") as log:
            command = [sys.executable, "-m", "handrail", "sink", *given]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        self._ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith(b"ready"):
                    self._ready.set()

    def wait_ready(self) -> "Sink":
        """Returns when it reads the log."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not self._ready.wait(0.05):
            assert self.process.poll() is None, f"the sink ended: {self.said()}"
            assert time.monotonic() < deadline, f"the sink is not ready: {self.said()}"
        return self

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

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The signal, and the exit status."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S_MAX)

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(WAIT_S_MAX)
        self._listener.join(WAIT_S_MAX)

    def said(self) -> str:
        """What it wrote to standard error."""
        return self.errors.read_text(errors="replace")


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
