"""Real `handrail up` processes for tests, with everything that they started."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.processes import SESSION_S, WAIT_S_MAX, HandrailProcess


class Up(HandrailProcess):
    """`handrail up` with its data in `folder/data`, and without HTTP and desk unless asked for."""

    def __init__(self, folder: Path, bootstrap: str, *options: str) -> None:
        self.data, self.lines = folder / "data", list[str]()
        unwanted = [name for name in ("--http-port", "--desk-port") if name not in options]
        quiet = [word for name in unwanted for word in (name, "0")]
        given = ("--bootstrap", bootstrap, "--data", str(self.data), "--session-timeout-s", SESSION_S, *quiet)
        super().__init__(folder / "up.log", "up", *given, *options)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.decode())
                if line.startswith(b"ready"):
                    self._ready.set()

    def started(self) -> list[psutil.Process]:
        """Every process that it has started and that runs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns when it is true."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not condition():
            assert time.monotonic() < deadline, f"nothing after {WAIT_S_MAX} s: {self.said()}"
            time.sleep(0.05)

    def wait_said(self, words: str) -> None:
        """Returns when it has written that to standard error."""
        self.wait_until(lambda: words in self.said())


@contextmanager
def up(folder: Path, bootstrap: str, *options: str) -> Iterator[Up]:
    """An `up` that is ready, ended afterwards where the test has not."""
    found = Up(folder, bootstrap, *options)
    try:
        yield found.wait_ready()
    finally:
        if found.process.poll() is None:
            found.stop(signal.SIGTERM)
        found.kill()


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether each has ended within some seconds."""
    return not psutil.wait_procs(processes, timeout=10)[1]


def child_of(pid: int, word: str) -> psutil.Process:
    """The process that `pid` started with that word in its command line, as `worker`, `sink` or `broker`."""
    (found,) = [one for one in psutil.Process(pid).children() if word in one.cmdline()]
    return found
