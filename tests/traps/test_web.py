"""Trap 9: Faust's web server listens on every interface and serves what lies in the tables."""

import asyncio
import urllib.request
from pathlib import Path

import faust
import pytest

from handrail.broker.ports import free_port
from tests.traps.kafka import create, publish
from tests.traps.programs import stock
from tests.workers import worker

pytestmark = pytest.mark.kafka
WORDS = "my card is 4111"
LISTENING = "0A"


def listens_on(pid: int) -> list[str]:
    """`ADDRESS:PORT`, in the kernel's hexadecimal, of each socket that the process listens on."""
    if not Path("/proc/self/net/tcp").exists():
        pytest.skip("needs Linux's /proc to see who listens")
    links = (str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir())
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()]
    return [row[1] for row in rows if row[3] == LISTENING and row[9] in inodes]


@pytest.mark.long
def test_stock_serves_tables_to_anyone(embedded: str, tmp_path: Path) -> None:
    conf = faust.App("trap", datadir=str(tmp_path)).conf
    asyncio.run(create(embedded, trap_events=1))
    port = free_port()
    bound = ("--web-bind", "127.0.0.1", "--web-port", str(port))  # the default would open it to the network here too
    with stock(embedded, tmp_path, "web", *bound) as one:
        asyncio.run(publish(embedded, [WORDS.encode()]))
        one.until("kept")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/table/said/conv-1/", timeout=10) as answer:
            body = answer.read().decode()
    print(f"stock: web {conf.web_enabled}, on {conf.web_bind}:{conf.web_port}; asked without a password: {body}")
    assert (conf.web_enabled, conf.web_bind, conf.web_port) == (True, "0.0.0.0", 6066)
    assert WORDS in body


def test_ours_listens_on_nothing(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path) as one:
        found = listens_on(one.process.pid)
    print(f"ours: listens on {found}")
    assert found == []


def test_the_search_for_listeners_finds_one(embedded: str, tmp_path: Path) -> None:
    port = free_port()
    with worker(embedded, tmp_path, "--http", str(port)) as one:
        found = listens_on(one.process.pid)
    assert found == [f"0100007F:{port:04X}"]
