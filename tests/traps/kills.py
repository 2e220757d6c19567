"""Stock Faust with a table, one kill -9: what was committed and never processed. `python -m tests.traps.kills TRIES`.

No test: it takes luck to see it (docs/decisions/0013-faust-traps.md).
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from handrail.broker import EmbeddedBroker
from tests.traps.kafka import create, publish, until_committed
from tests.traps.programs import stock

RECORDS, KILLED_AFTER = 1000, (100, 600)
COMMIT_S = "0.2"


def missing(bootstrap: str, folder: Path, killed_after: int) -> set[int]:
    """Process records, kill the worker, let another commit all of them; the offsets that neither processed."""
    asyncio.run(create(bootstrap, trap_events=1))
    with stock(bootstrap, folder, "tables", COMMIT_S=COMMIT_S) as first:
        asyncio.run(publish(bootstrap, [b"event"] * RECORDS))
        for _ in range(killed_after):
            first.until("counted")
    with stock(bootstrap, folder, "tables", COMMIT_S=COMMIT_S) as second:
        committed = asyncio.run(until_committed(bootstrap, "trap", RECORDS))
    counted = [said[1] for one in (first, second) for said in one.values("counted")]
    return set(range(committed)) - set(counted)


if __name__ == "__main__":
    for number in range(1, int(sys.argv[1]) + 1):
        with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
            killed_after = random.Random(number).randrange(*KILLED_AFTER)
            lost = missing(broker.bootstrap, Path(folder), killed_after)
            print(f"try {number}: killed after {killed_after} of {RECORDS}: {len(lost)} committed, never processed")
