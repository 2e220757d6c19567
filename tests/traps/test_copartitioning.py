"""Trap 7: topics with unequal numbers of partitions are assigned apart, and nothing says so."""

import asyncio
from pathlib import Path

import pytest

from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS, STATES
from tests import forks
from tests.traps.kafka import create
from tests.traps.programs import stock

pytestmark = pytest.mark.kafka
KEYS = [f"conv-{number}".encode() for number in range(100)]
REFUSED_S_MAX = 30
Assigned = dict[str, list[int]]


def half(bootstrap: str, folder: Path, orders: int, refunds: int) -> tuple[Assigned, str]:
    """What the first of two workers has, and what it logged."""
    asyncio.run(create(bootstrap, orders=orders, refunds=refunds))
    with stock(bootstrap, folder, "copartitioned") as first:
        first.until("assigned")
        with stock(bootstrap, folder, "copartitioned"):
            return first.until("assigned")[1][1], first.errors()


def apart(mine: Assigned, orders: int, refunds: int) -> list[bytes]:
    """The keys of which this worker has the one topic's records and not the other's."""
    return [
        key
        for key in KEYS
        if (partition_of(key, orders) in mine["orders"]) != (partition_of(key, refunds) in mine["refunds"])
    ]


@pytest.mark.long
@pytest.mark.parametrize(("orders", "refunds", "silent"), [(4, 3, True), (4, 4, False)])
def test_stock_says_nothing_of_unequal_topics(
    embedded: str, tmp_path: Path, orders: int, refunds: int, silent: bool
) -> None:
    mine, logged = half(embedded, tmp_path, orders, refunds)
    torn = apart(mine, orders, refunds)
    print(f"stock, {orders} and {refunds} partitions: {mine}: {len(torn)} of {len(KEYS)} keys apart; logged {logged!r}")
    assert bool(torn) == silent
    assert "partition" not in logged


def test_ours_refuses_to_start(embedded: str) -> None:
    made = {AGENT_EVENTS: 4, RESOLUTIONS: 3, STATES: 4}
    asyncio.run(create(embedded, **made))
    done = forks.run("handrail", "worker", "--bootstrap", embedded, timeout=REFUSED_S_MAX)
    print(f"ours: exit {done.returncode}: {done.stderr.strip()}")
    assert done.returncode != 0
    assert "unequal numbers of partitions" in done.stderr
    assert f"{RESOLUTIONS} has 3" in done.stderr
