"""Real worker processes for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import SESSION_S, HandrailProcess


class Worker(HandrailProcess):
    """`handrail worker`, with a short session."""

    session_s = SESSION_S

    def __init__(self, bootstrap: str, errors: Path, *options: str) -> None:
        super().__init__(errors, "worker", "--bootstrap", bootstrap, "--session-timeout-s", self.session_s, *options)


class MeasuredWorker(Worker):
    """A worker as operators start it, for figures of its memory and processor time."""

    forked, session_s = False, "6"


@contextmanager
def worker(bootstrap: str, folder: Path, *options: str) -> Iterator[Worker]:
    """A worker that is ready, killed afterwards where the test has not ended it."""
    found = Worker(bootstrap, folder / "worker.log", *options)
    try:
        yield found.wait_ready()
    finally:
        found.kill()
