"""Real worker processes for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import HandrailProcess


class Worker(HandrailProcess):
    """`handrail worker`, with the shortest session that brokers allow."""

    def __init__(self, bootstrap: str, errors: Path, *options: str) -> None:
        super().__init__(errors, "worker", "--bootstrap", bootstrap, "--session-timeout-s", "6", *options)


@contextmanager
def worker(bootstrap: str, folder: Path, *options: str) -> Iterator[Worker]:
    """A worker that is ready, killed afterwards where the test has not ended it."""
    found = Worker(bootstrap, folder / "worker.log", *options)
    try:
        yield found.wait_ready()
    finally:
        found.kill()
