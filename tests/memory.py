"""How much memory a running process takes at most."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

SAMPLE_S = 0.02


class Peak:
    """The largest resident set that was seen, in bytes; `samples`: how often it was looked at."""

    def __init__(self) -> None:
        self.bytes = self.samples = 0

    def see(self, found: int) -> None:
        """One look."""
        self.bytes, self.samples = max(self.bytes, found), self.samples + 1


@contextmanager
def peak_of(pid: int) -> Iterator[Peak]:
    """Looks at the process every SAMPLE_S for the length of the block, or until it ends."""
    peak, over, process = Peak(), threading.Event(), psutil.Process(pid)

    def look() -> None:
        while not over.wait(SAMPLE_S):
            try:
                peak.see(process.memory_info().rss)
            except psutil.NoSuchProcess:
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
