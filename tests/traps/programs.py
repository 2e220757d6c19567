"""The stock Faust programs of `stock/`, each run in a process of its own, and what they say."""

import json
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import forks

ROOT = Path(__file__).resolve().parents[2]
SAYS_S_MAX = 25.0


class Stock:
    """`python -m tests.traps.stock.NAME worker`; `told` is what it has said, a list of [what, value]."""

    def __init__(self, bootstrap: str, log: Path, name: str, *options: str, **environment: str) -> None:
        self.log, self.name = log, name
        self.told: list[list[Any]] = []
        self._lines: queue.Queue[list[Any]] = queue.Queue()
        command = (f"tests.traps.stock.{name}", "worker", "-l", "warn", *options)
        with log.open("ab") as errors:
            self.process = forks.Popen(
                *command,
                cwd=ROOT,
                env=os.environ | {"BROKER": bootstrap, **environment},
                stdout=forks.PIPE,
                stderr=errors,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith(b'["'):
                    self._lines.put(json.loads(line))

    def until(self, what: str, value: Any = None, seconds_max: float = SAYS_S_MAX) -> list[Any]:
        """Listen until it says this, whatever the value where None is asked for; gives what it said."""
        deadline = time.monotonic() + seconds_max
        while True:
            try:
                said = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"{self.name} never said {what} {value}, but {self.told}: {self.errors()}"
                ) from None
            self.told.append(said)
            if said[0] == what and value in (None, said[1]):
                return said

    def values(self, what: str) -> list[Any]:
        """The values of all it has said of this, in order."""
        while not self._lines.empty():
            self.told.append(self._lines.get())
        return [value for name, value in self.told if name == what]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; what it said before is in `told` afterwards."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SAYS_S_MAX)
        self._listener.join(SAYS_S_MAX)
        self.values("")

    def errors(self) -> str:
        """What it logged."""
        return self.log.read_text(errors="replace")[-4000:]


@contextmanager
def stock(bootstrap: str, folder: Path, name: str, *options: str, **environment: str) -> Iterator[Stock]:
    """A stock program that runs for the length of a block; without its web server unless `options` are given."""
    found = Stock(bootstrap, folder / f"{name}.log", name, *(options or ("--without-web",)), **environment)
    try:
        yield found
    finally:
        found.kill()
