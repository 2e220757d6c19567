"""Stock Faust, a worker stopped past its session that goes on: `python -m tests.traps.returns TRIES`.

No test: it crashes in few of the tries (docs/decisions/0013-faust-traps.md).
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.broker import EmbeddedBroker
from tests.traps.kafka import create, publish
from tests.traps.programs import Stock, stock

BUSY = 300
RETURNS_S = 8.0  # it crashes within so long, or not at all


@contextmanager
def stopped(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """As a paused virtual machine, for the length of a block."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


async def each(bootstrap: str, name: str, count: int = 1) -> None:
    """So many records in both partitions."""
    for partition in (0, 1):
        await publish(bootstrap, [f"{name}-{partition}".encode()] * count, partition=partition)


def go_on(bootstrap: str, first: Stock, folder: Path) -> int | None:
    """Stop a worker until another has all its partitions, let it go on; its exit status, None where it runs."""
    asyncio.run(each(bootstrap, "before"))
    first.until("kept")
    with stock(bootstrap, folder, "lost_session") as second:
        second.until("assigned")
        asyncio.run(each(bootstrap, "busy", BUSY))
        with stopped(first.process):
            asyncio.run(each(bootstrap, "away"))
            while not {"away-0", "away-1"} <= {*second.values("kept")}:
                second.until("kept")
        try:
            return first.process.wait(RETURNS_S)
        except subprocess.TimeoutExpired:
            return None


def tried(bootstrap: str, folder: Path) -> str:
    """What became of a worker that was stopped."""
    asyncio.run(create(bootstrap, trap_events=2))
    for name in ("first", "second"):
        (folder / name).mkdir()
    with stock(bootstrap, folder / "first", "lost_session") as first:
        status = go_on(bootstrap, first, folder / "second")
        errors = [line.strip() for line in first.errors().splitlines() if "Crashed" in line or "IllegalState" in line]
    return f"exit {status}: {errors[-1:]}" if status is not None else "runs"


if __name__ == "__main__":
    for number in range(1, int(sys.argv[1]) + 1):
        with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
            print(f"try {number}: {tried(broker.bootstrap, Path(folder))}", flush=True)
