"""Real processes of Handrail for tests: started, waited for until they say `ready`, stopped, killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from tests import forks

WAIT_S_MAX = 60.0
SESSION_S = "2"  # the embedded broker lets its first member wait for half of it, and a dead one be missed after it


def freeze(pid: int) -> None:
    """The process stands still when this returns: a thread that is busy hears of the signal a little later."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + WAIT_S_MAX
    while any(_state(task) not in "TZX" for task in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.005)


def _state(task: Path) -> str:
    """R, S, D, T (stopped) … of a thread; X where it has ended meanwhile."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class HandrailProcess:
    """`handrail ARGUMENTS` in a process of its own; `errors` is the file its standard error goes to.

    `program` stands for `handrail` as what Python's -m takes.
    """

    program: tuple[str, ...] = ("handrail",)
    forked = True  # from a parent that has its imports (tests/forks)

    def __init__(self, errors: Path, *arguments: str) -> None:
        self.errors, self.name = errors, arguments[0]
        self.process: forks.Popen | subprocess.Popen[bytes]
        with errors.open("ab") as log:
            if self.forked:
                self.process = forks.Popen(*self.program, *arguments, stdout=forks.PIPE, stderr=log)
            else:
                command = [sys.executable, "-m", *self.program, *arguments]
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

    @property
    def ready(self) -> bool:
        """Whether it has said so."""
        return self._ready.is_set()

    def wait_ready(self) -> Self:
        """Returns when it says so."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not self._ready.wait(0.05):
            assert self.process.poll() is None, f"the {self.name} ended: {self.said()}"
            assert time.monotonic() < deadline, f"the {self.name} is not ready: {self.said()}"
        return self

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
