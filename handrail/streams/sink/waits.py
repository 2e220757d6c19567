"""What the sink waits for: the broker, the disk, or readers who keep a snapshot from being taken."""

import time

from handrail.streams.sink.metrics import Counters
from handrail.streams.sink.reader import Reader
from handrail.streams.sink.snapshot import Schedule
from handrail.streams.wait import WAIT_S_MIN, For, Wait, Waits


def look(reader: Reader, tally: Counters, snapshots: Schedule) -> Waits:
    """What has waited for WAIT_S_MIN or longer. While a batch is being stored nothing more is asked of the broker."""
    now_s = time.monotonic()
    waits = dict[str, Wait]()
    if tally.storing_s is not None:
        count = sum(tally.under_way.values())
        waits["rows"] = _since(tally.storing_s, now_s, "disk", f"{count:,} records are being stored")
    elif tally.copying_s is not None:
        waits["rows"] = _since(tally.copying_s, now_s, "disk", "the database is being copied for readers")
    else:
        seconds = reader.unanswered_s
        waits["log"] = Wait("broker", seconds, f"a fetch is not answered for {seconds:.0f} s")
    if snapshots.blocked_s is not None:
        told = "live queries keep a snapshot from being taken"
        waits["snapshot"] = _since(snapshots.blocked_s, now_s, "readers", told)
    return {who: wait for who, wait in waits.items() if wait.seconds >= WAIT_S_MIN}


def _since(since_s: float, now_s: float, cause: For, told: str) -> Wait:
    return Wait(cause, now_s - since_s, f"{told} for {now_s - since_s:.0f} s")
