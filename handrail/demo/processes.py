"""Child processes of the demo: started, waited for until they say `ready`, ended in order."""

import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.schemas.errors import HandrailError

READY_S = 60.0
END_S = 15.0
LINES_KEPT = 20


@contextmanager
def running(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`handrail ARGUMENTS` as a process that is ready; ended by SIGTERM afterwards.

    Its standard error goes to the file `log`. Raises HandrailError with its last lines when it ends before it is ready.
    """
    with log.open("wb") as errors:
        child = subprocess.Popen([sys.executable, "-m", "handrail", *arguments], stdout=subprocess.PIPE, stderr=errors)
    try:
        _wait_ready(child, arguments[0], log)
        yield child
    finally:
        _end(child)


def _wait_ready(child: "subprocess.Popen[bytes]", name: str, log: Path) -> None:
    ready = threading.Event()

    def read() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(b"ready"):
                ready.set()

    threading.Thread(target=read, daemon=True).start()
    waited = 0.0
    while not ready.wait(0.1):
        waited += 0.1
        if child.poll() is not None or waited > READY_S:
            last = " | ".join(deque(log.read_text(errors="replace").splitlines(), LINES_KEPT))
            state = (
                f"ended with {child.returncode}" if child.returncode is not None else f"not ready in {READY_S:.0f} s"
            )
            raise HandrailError(f"handrail {name}: {state}; see {log}: {last[-600:]}")


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()
