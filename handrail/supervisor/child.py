"""One process of Handrail: started, heard until it says `ready`, ended; it never outlives the one that started it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from handrail.broker.kill_with_parent import kill_with_parent, release
from handrail.supervisor.logs import headline, last_line, open_log


def handrail(*arguments: str) -> list[str]:
    """The command line of `handrail ARGUMENTS`, as this process was started."""
    return [sys.executable, "-m", "handrail", *arguments]


class Child:
    """A running `command`; what it says goes to the end of the file `log`.

    A Ctrl-C at the terminal does not reach it: it is ended in its turn.

    Attributes
    ----------
    ready_line : str
        Its line on standard output that starts with `ready`; empty before it has come.
    pid : int
        Its process.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.ready_line = ""
        self._log = log
        with open_log(log) as file:
            file.write(headline(f"started: {' '.join(command)}"))
            self._since = file.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._leash: subprocess.Popen[bytes] | None = kill_with_parent(self.pid)
        self._listener = threading.Thread(target=self._listen, name=f"heard from {log.stem}", daemon=True)
        self._listener.start()

    def poll(self) -> int | None:
        """Its exit status, minus the signal's number where one killed it; None while it runs."""
        status = self._process.poll()
        if status is not None and self._leash is not None:
            release(self._leash)
            self._leash = None
        return status

    @property
    def last_line(self) -> str:
        """The last line that it wrote to standard error; empty where it wrote none."""
        return last_line(self._log, self._since)

    @property
    def end(self) -> str:
        """How it ended, in words."""
        status = self.poll()
        if status is None:
            return "runs"
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def signal(self, number: signal.Signals) -> None:
        """Send it, unless the process has ended."""
        if self.poll() is None:
            self._process.send_signal(number)

    def stop(self, seconds_max: float) -> None:
        """Return when it is gone: asked by SIGTERM, killed after `seconds_max`."""
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()
        self.poll()

    def kill(self) -> None:
        """Return when it is gone, by SIGKILL."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self.poll()

    def _listen(self) -> None:
        """Its standard output is read to its end, so that it never waits for a reader."""
        assert self._process.stdout is not None
        with self._process.stdout as said, open_log(self._log) as file:
            for line in said:
                file.write(line)
                if line.startswith(b"ready") and not self.ready_line:
                    self.ready_line = line.decode(errors="replace").strip()
