"""Real worker processes for tests: started, waited for, stopped, killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S_MAX = 60.0
STOP_S_MAX = 30.0


class Worker:
    """`handrail worker` in a process of its own; `errors` is the file its standard error goes to."""

    def __init__(self, bootstrap: str, errors: Path, *options: str) -> None:
        command = [sys.executable, "-m", "handrail", "worker", "--bootstrap", bootstrap, "--session-timeout-s", "6"]
        self.errors = errors
        with errors.open("ab") as log:
            self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log)
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith(b"ready"):
                    self._ready.set()

    def wait_ready(self) -> "Worker":
        """Returns when its partitions are governed."""
        deadline = time.monotonic() + READY_S_MAX
        while not self._ready.wait(0.05):
            assert self.process.poll() is None, f"the worker ended: {self.said()}"
            assert time.monotonic() < deadline, f"the worker is not ready: {self.said()}"
        return self

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(STOP_S_MAX)

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_S_MAX)

    def said(self) -> str:
        """What it wrote to standard error."""
        return self.errors.read_text(errors="replace")


@contextmanager
def worker(bootstrap: str, folder: Path, *options: str) -> Iterator[Worker]:
    """A worker that is ready, killed afterwards where the test has not ended it."""
    found = Worker(bootstrap, folder / "worker.log", *options)
    try:
        yield found.wait_ready()
    finally:
        found.kill()
