"""Starts forks, with the part of `subprocess.Popen` and `subprocess.run` that tests use."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]
PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
SERVER_END_S_MAX = 10

File = int | IO[bytes] | None
_starting = threading.Lock()


class Popen:
    """`python -m PROGRAM ARGUMENTS` as a fork.

    Attributes
    ----------
    pid : int
        The process.
    returncode : int or None
        Its exit status once it has ended, minus the signal's number where one killed it.
    stdin, stdout, stderr : file or None
        Our ends where PIPE was asked for.
    """

    def __init__(
        self,
        program: str,
        *arguments: str,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
    ) -> None:
        self.args = [program, *arguments]
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = None, None, None
        asked = {
            "program": program,
            "arguments": arguments,
            "environment": dict(os.environ if env is None else env),
            "folder": str(Path(cwd or ".").absolute()),
        }
        with _starting:
            path = _server(os.getpid())
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(str(path))
        with ExitStack() as given:
            files = [
                self._file(name, number, file, given)
                for number, (name, file) in enumerate({"stdin": stdin, "stdout": stdout, "stderr": stderr}.items())
            ]
            socket.send_fds(self._server, [json.dumps(asked).encode()], files)
        self._server.shutdown(socket.SHUT_WR)
        self._lines = self._server.makefile("rb")
        self.pid = int(self._lines.readline())
        self._ended = threading.Event()
        threading.Thread(target=self._hear_of_end, name=f"end of {program}", daemon=True).start()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Our ends are closed, and it has ended; killed where the block has failed."""
        if kind is not None:
            self.kill()
        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                file.close()
        self.wait()

    def _file(self, name: str, number: int, file: File, given: ExitStack) -> int:
        """The descriptor to hand over; those that only the fork needs are closed with `given`."""
        if file is None:
            return number
        if file == DEVNULL:
            found = os.open(os.devnull, os.O_RDWR)
            given.callback(os.close, found)
            return found
        if file == PIPE:
            reading, writing = os.pipe()
            ours, theirs = (writing, reading) if name == "stdin" else (reading, writing)
            setattr(self, name, os.fdopen(ours, "wb" if name == "stdin" else "rb"))
            given.callback(os.close, theirs)
            return theirs
        return file if isinstance(file, int) else file.fileno()

    def _hear_of_end(self) -> None:
        with self._server, self._lines as lines:
            line = lines.readline()
        self.returncode = int(line) if line else -signal.SIGKILL  # without its parent nobody knows
        self._ended.set()


def run(
    program: str,
    *arguments: str,
    input: str = "",  # noqa: A002 - as subprocess.run calls it
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """The program from its start to its end, with `input` on its standard input.

    Raises subprocess.TimeoutExpired, and kills it, after `timeout` seconds.
    """
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as errors:
        given.write(input.encode())
        given.seek(0)
        started = Popen(program, *arguments, stdin=given, stdout=out, stderr=errors, env=env, cwd=cwd)
        try:
            status = started.wait(timeout)
        except BaseException:
            started.kill()
            started.wait()
            raise
        for file in (out, errors):
            file.seek(0)
        return subprocess.CompletedProcess(started.args, status, out.read().decode(), errors.read().decode())


@cache
def _server(pid: int) -> Path:
    """The socket of the server that this process, `pid`, has started; it ends with us."""
    folder = TemporaryDirectory(prefix="handrail-forks-")
    path = Path(folder.name) / "socket"
    command = [sys.executable, "-m", "tests.forks.server", str(path)]
    started = subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    assert started.stdin is not None
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n", "the server of forks did not start"
    atexit.register(folder.cleanup)
    atexit.register(started.wait, SERVER_END_S_MAX)
    atexit.register(started.stdin.close)
    return path
