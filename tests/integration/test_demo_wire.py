"""The demo waits for decisions: for those that come before it asks, and no longer than the worker is silent."""

import asyncio

import pytest

from handrail.demo import wire as demo_wire
from handrail.demo.wire import Wire
from handrail.schemas.errors import HandrailError
from handrail.schemas.topics import DECISIONS
from handrail.streams.engine.topics import ensure_topics

pytestmark = pytest.mark.kafka


async def decide(wire: Wire, number: int) -> None:
    about = {"source": "/shop", "id": f"e{number}"}
    data = {"kind": "guard", "for": about, "handoff_id": None}
    await wire.publish({"subject": "c1", "type": "handrail.decision.v1", "data": data}, DECISIONS)


async def test_a_decision_that_came_before_it_is_asked_for(embedded: str) -> None:
    await ensure_topics(embedded)
    async with Wire(embedded) as wire:
        later = wire.expect("/shop", "e2")
        await decide(wire, 1)
        await decide(wire, 2)
        await asyncio.wait_for(later, 10)
        assert wire.expect("/shop", "e1").done()
        assert (await wire.decided(wire.expect("/shop", "e1"), "e1"))["for"]["id"] == "e1"


async def test_it_waits_as_long_as_others_are_decided(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_wire, "PATIENCE_S", 2.0)
    await ensure_topics(embedded)
    async with Wire(embedded) as wire:
        waiting = asyncio.create_task(wire.decided(wire.expect("/shop", "e3"), "e3"))
        for number in (1, 2, 3):
            await asyncio.sleep(1.0)
            await decide(wire, number)
        assert (await waiting)["for"]["id"] == "e3"
        with pytest.raises(HandrailError, match=r"e4: nothing decided for 2 s; is the worker running\?"):
            await wire.decided(wire.expect("/shop", "e4"), "e4")
