"""One process of Handrail and its log file: started, ready when it says so, ended; it never outlives its parent."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from handrail import private
from handrail.broker.kill_with_parent import kill_with_parent, release

BYTES_MAX = 10_000_000
TAIL_BYTES = 64_000
LINE_MAX = 500  # characters of a line that is shown


def open_log(path: Path) -> FileIO:
    """The file, at its end; a large one becomes `NAME.1`, in the place of the one before.

    Only its owner may read it: the desk prints its first login there.
    """
    private.made(path.parent)
    if path.exists() and path.stat().st_size > BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    path.touch(private.FILE)
    private.tightened(path)
    return path.open("ab", buffering=0)


def headline(text: str) -> bytes:
    """A line that says when something began."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n".encode()


def last_line(path: Path, since: int) -> str:
    """The last line after the byte `since` that is not blank or `ready`; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    candidates = (line.strip() for line in reversed(lines))
    return next((line[:LINE_MAX] for line in candidates if line and not line.startswith("ready")), "")


def handrail(*arguments: str) -> list[str]:
    """The command line of `handrail ARGUMENTS`, as this process was started."""
    return [sys.executable, "-m", "handrail", *arguments]


class Child:
    """A running `command`; its output is appended to the file `log`.

    A Ctrl-C at the terminal does not reach it: the parent ends it in order.

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
        self._listener = threading.Thread(target=self._listen, name=f"output of {log.stem}", daemon=True)
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
        """How it ended, as text for a line."""
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
        """Read its standard output to the end, so that it never blocks on a full pipe."""
        assert self._process.stdout is not None
        with self._process.stdout as output, open_log(self._log) as file:
            for line in output:
                file.write(line)
                if line.startswith(b"ready") and not self.ready_line:
                    self.ready_line = line.decode(errors="replace").strip()
