"""What the desk holds follows the log: through a broker that is gone, and onto a new, empty one."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import free_port
from handrail.desk.web.follower import Follower
from handrail.desk.web.notifier import Notifier
from handrail.schemas.outputs import IN_FULL
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
    monkeypatch.setattr("handrail.desk.web.follower.PROBE_S_MAX", 2.0)
    port, now_ms, changes = free_port(), int(time.time() * 1000), Notifier()
    with EmbeddedBroker(port) as broker:
        await publish(broker.bootstrap, [handoff(1, now_ms), handoff(2, now_ms)])
        follower = Follower(broker.bootstrap, changes)
        await follower.begin()
        following = asyncio.create_task(follower.follow())
        await publish(broker.bootstrap, [handoff(3, now_ms)])
        await until(changes, lambda: len(follower.handoffs) == 3)
    await until(changes, lambda: bool(follower.connection.away))
    assert len(follower.handoffs) == 3  # what is known stays to be seen meanwhile
    with EmbeddedBroker(port) as broker:
        await publish(broker.bootstrap, [handoff(4, now_ms)])
        await until(changes, lambda: not follower.connection.away and len(follower.handoffs) == 1)
        assert follower.handoffs.get(f"hf-{4:024x}") is not None
        await publish(broker.bootstrap, [handoff(5, now_ms)])
        await until(changes, lambda: len(follower.handoffs) == 2)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_text_that_is_not_kept_is_read_from_the_log(embedded: str) -> None:
    await publish(embedded, [handoff(number, int(time.time() * 1000)) for number in range(6)])
    follower = Follower(embedded, Notifier())
    await follower.begin()
    for view in follower.handoffs.open():
        follower.texts.drop(view.place)
        assert (await follower.text(view))["handoff_id"] == view.record["handoff_id"]


async def test_a_text_that_was_read_while_an_update_came_is_not_kept(embedded: str) -> None:
    first, changes = handoff(7, int(time.time() * 1000)), Notifier()
    await publish(embedded, [first])
    follower = Follower(embedded, changes)
    await follower.begin()
    before = follower.handoffs.get(first["data"]["handoff_id"])
    assert before is not None
    following = asyncio.create_task(follower.follow())
    data = {name: value for name, value in first["data"].items() if name not in IN_FULL}
    update = {**data, "since": 1, "revision": 2, "attempts": [], "transcript": [], "redacted": [], "redactions": []}
    await publish(embedded, [{**first, "id": f"{before.id}.2", "data": update}])
    await until(
        changes, lambda: (view := follower.handoffs.get(before.id)) is not None and view.latest != before.latest
    )
    follower.texts.drop(before.place)
    assert (await follower.text(before))["revision"] == 1
    after = follower.handoffs.get(before.id)
    assert after is not None
    assert (await follower.text(after))["revision"] == 2
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_whoever_was_forgotten_is_not_shown_any_more(embedded: str, tmp_path: Path) -> None:
    """The sink's file says whom, as digests; the desk looks at it now and then, and when it starts."""
    now_ms, changes = int(time.time() * 1000), Notifier()
    await publish(embedded, [handoff(1, now_ms), handoff(2, now_ms)])
    follower = Follower(embedded, changes, tmp_path)
    await follower.begin()
    assert len(follower.handoffs) == 2
    following = asyncio.create_task(follower.follow())
    gone = follower.handoffs.open()[0].record
    forgotten = Forgotten(salt=b"s" * 32)
    forgotten.refs[forgotten.of_ref(ANY_TENANT, gone["customer"]["ref"])] = now_ms * 2
    forgotten.write(tmp_path)
    await until(changes, lambda: follower.handoffs.get(gone["handoff_id"]) is None)
    later = handoff(3, now_ms)
    later["data"]["customer"]["ref"] = gone["customer"]["ref"]
    await publish(embedded, [later, handoff(4, now_ms)])
    await until(changes, lambda: follower.handoffs.get(f"hf-{4:024x}") is not None)
    assert follower.handoffs.get(f"hf-{3:024x}") is None
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    again = Follower(embedded, Notifier(), tmp_path)
    await again.begin()
    assert gone["customer"]["ref"] not in {view.record["customer"]["ref"] for view in again.handoffs.all()}
