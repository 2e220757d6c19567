"""What the desk holds follows the log: through a broker that is gone, and onto a new, empty one."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import free_port
from handrail.desk.web import follower
from handrail.desk.web.follower import Follower
from handrail.desk.web.notifier import Notifier
from handrail.streams.sink.forgotten import ANY_TENANT, Forgotten
from tests.browser.records import handoff, publish

pytestmark = pytest.mark.kafka
WAIT_S_MAX = 60.0


async def until(changes: Notifier, true: Callable[[], bool]) -> None:
    """Returns when it is true."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not true():
            await changes.after(changes.number, WAIT_S_MAX)


async def test_a_new_broker_on_the_old_port_is_read_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "PROBE_S_MAX", 2.0)
    port, now_ms, changes = free_port(), int(time.time() * 1000), Notifier()
    with EmbeddedBroker(port) as broker:
        await publish(broker.bootstrap, [handoff(1, now_ms), handoff(2, now_ms)])
        found = Follower(broker.bootstrap, changes)
        await found.begin()
        following = asyncio.create_task(found.follow())
        await publish(broker.bootstrap, [handoff(3, now_ms)])
        await until(changes, lambda: len(found.handoffs) == 3)
    await until(changes, lambda: bool(found.connection.away))
    assert len(found.handoffs) == 3  # what is known stays to be seen meanwhile
    with EmbeddedBroker(port) as broker:
        await publish(broker.bootstrap, [handoff(4, now_ms)])
        await until(changes, lambda: not found.connection.away and len(found.handoffs) == 1)
        assert found.handoffs.get(f"hf-{4:024x}") is not None
        await publish(broker.bootstrap, [handoff(5, now_ms)])
        await until(changes, lambda: len(found.handoffs) == 2)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_text_that_is_not_kept_is_read_from_the_log(embedded: str) -> None:
    await publish(embedded, [handoff(number, int(time.time() * 1000)) for number in range(6)])
    found = Follower(embedded, Notifier())
    await found.begin()
    for held in found.handoffs.open():
        found.texts.drop(held.place)
        assert (await found.text(held))["handoff_id"] == held.record["handoff_id"]


async def test_whoever_was_forgotten_is_not_shown_any_more(embedded: str, tmp_path: Path) -> None:
    """The sink's file says whom, as digests; the desk looks at it now and then, and when it starts."""
    now_ms, changes = int(time.time() * 1000), Notifier()
    await publish(embedded, [handoff(1, now_ms), handoff(2, now_ms)])
    found = Follower(embedded, changes, tmp_path)
    await found.begin()
    assert len(found.handoffs) == 2
    following = asyncio.create_task(found.follow())
    gone = found.handoffs.open()[0].record
    forgotten = Forgotten(salt=b"s" * 32)
    forgotten.refs[forgotten.of_ref(ANY_TENANT, gone["customer"]["ref"])] = now_ms * 2
    forgotten.write(tmp_path)
    await until(changes, lambda: found.handoffs.get(gone["handoff_id"]) is None)
    later = handoff(3, now_ms)
    later["data"]["customer"]["ref"] = gone["customer"]["ref"]
    await publish(embedded, [later, handoff(4, now_ms)])
    await until(changes, lambda: found.handoffs.get(f"hf-{4:024x}") is not None)
    assert found.handoffs.get(f"hf-{3:024x}") is None
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    again = Follower(embedded, Notifier(), tmp_path)
    await again.begin()
    assert gone["customer"]["ref"] not in {held.record["customer"]["ref"] for held in again.handoffs.all()}
