"""Child processes of the demo: started, waited for until they say `ready`, ended in order."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.schemas.errors import HandrailError
from handrail.supervisor.child import Child, handrail

READY_S = 60.0
END_S = 15.0


@contextmanager
def running(log: Path, *arguments: str) -> Iterator[Child]:
    """`handrail ARGUMENTS` as a process that is ready; ended by SIGTERM afterwards.

    What it says goes to the file `log`. Raises HandrailError with its last line when it ends before it is ready.
    """
    child = Child(handrail(*arguments), log)
    try:
        _wait_ready(child, arguments[0], log)
        yield child
    finally:
        child.stop(END_S)


def _wait_ready(child: Child, name: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not child.ready_line:
        if child.poll() is not None:
            raise HandrailError(f"handrail {name}: {child.end}; see {log}: {child.last_line}")
        if time.monotonic() > deadline:
            raise HandrailError(f"handrail {name}: not ready in {READY_S:.0f} s; see {log}: {child.last_line}")
        time.sleep(0.05)
