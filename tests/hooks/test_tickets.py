"""Zendesk and Intercom by configuration alone: bodies as they document them become answers that a worker counts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import free_port
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from handrail.streams.keys import new_key
from tests.bundles import REFUNDS, TOOLS, written
from tests.hooks.processes import Hooks, hooks
from tests.hooks.tickets import (
    SECRET,
    Sent,
    external_id,
    intercom,
    intercom_notification,
    zendesk,
    zendesk_event,
    zendesk_note,
)
from tests.log import Log
from tests.topics import Wire, data, read
from tests.workers import worker

pytestmark = pytest.mark.kafka
EXAMPLES = Path(__file__).resolve().parents[2] / "handrail" / "hooks" / "examples"


class Place:
    """A broker, a worker that asks for signed answers, and `handrail hooks` with one of the examples."""

    def __init__(self, broker: str, url: str, process: Hooks) -> None:
        self.broker, self.url, self.process = broker, url, process

    async def post(self, name: str, sent: Sent) -> tuple[int, dict[str, Any]]:
        body, headers = sent
        address = f"{self.url}/in/{name}"
        async with aiohttp.request("POST", address, data=body, headers=headers) as response:
            return response.status, orjson.loads(await response.read())

    async def resolutions(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in await read(self.broker, RESOLUTIONS, PARTITIONS)]


@pytest.fixture(scope="module", params=["zendesk", "intercom"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def place(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(name)
    key = new_key(folder / "desk.key")
    worker_key = new_key(folder / "worker.key")
    keys = (
        f"keys:\n  governor: {{public: {worker_key.public.line}, uses: [decisions, controls]}}\n"
        f"  desk: {{public: {key.public.line}, uses: [resolutions]}}\n"
    )
    policies = written(folder / "policies", refunds=REFUNDS, tools=TOOLS, keys=keys)
    sources = (EXAMPLES / f"{name}.yaml").read_text().split("\nsources:")[1]
    (folder / "hooks.yaml").write_text(f"sources:{sources}")
    (folder / f"{name}.secret").write_bytes(SECRET + b"\n")
    port = free_port()
    options = ("--key", str(folder / "desk.key"), "--listen", f"127.0.0.1:{port}")
    govern = ("--policies", str(policies), "--key", str(folder / "worker.key"))
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, folder, *govern),
        hooks(broker.bootstrap, folder, *options) as process,
    ):
        yield Place(broker.bootstrap, f"http://127.0.0.1:{port}", process)


class Handed:
    """What an agent sees: a conversation in which $300 wait for a person."""

    def __init__(self, wire: Wire, handoff: dict[str, Any]) -> None:
        self.wire, self.handoff = wire, handoff

    async def release(self) -> dict[str, Any]:
        """The decision that follows an answer."""
        mine = ("release", self.handoff["conversation_id"])
        while ((found := data(await self.wire.next()))["kind"], found["conversation_id"]) != mine:
            pass
        return found


@asynccontextmanager
async def handed(place: Place, conversation: str) -> AsyncIterator[Handed]:
    arguments = {"amount": 300}
    event = Log(conversation).event("action.proposed", id="e1", action_id="a1", tool="refund", arguments=arguments)
    async with Wire(place.broker, DECISIONS) as decisions, Wire(place.broker, HANDOFFS) as handoffs:
        await decisions.publish(event)
        while (found := await handoffs.next()).key != conversation.encode():
            pass
        yield Handed(decisions, data(found))


def note(name: str, handoff: dict[str, Any], text: str) -> Sent:
    if name == "zendesk":
        return zendesk(zendesk_note(external_id(handoff), text))
    return intercom(intercom_notification("conversation.admin.noted", handoff, f"<p>{text}</p>"))


async def test_an_approval_is_a_release_and_the_same_delivery_twice_counts_once(place: Place, name: str) -> None:
    async with handed(place, f"{name}-approve") as one:
        sent = note(name, one.handoff, "#approve checked the receipt")
        answers = [await place.post(name, sent) for _ in range(2)]
        released = await one.release()
    assert [status for status, _ in answers] == [202, 202]
    assert answers[0][1] == answers[1][1]
    assert (released["verdict"], released["action_digest"]) == ("allow", one.handoff["pending"]["action_digest"])
    granted = released["reasons"][0]
    assert granted["evidence"]["note"] == "#approve checked the receipt"
    assert granted["evidence"]["by"][0].startswith(f"{name}/")
    await counted(place, f"{name}-approve", answers[0][1]["id"])


async def counted(place: Place, conversation: str, event_id: str) -> None:
    """Both copies are on the log and neither is a dead letter or an alert: the second is a repeat of the first."""
    async with asyncio.timeout(30):
        while True:
            records = await read(place.broker, AGENT_EVENTS, PARTITIONS)
            found = [one for one in records if one.key == conversation.encode() and event_id.encode() in one.value]
            if len(found) == 2:
                break
            await asyncio.sleep(0.1)
    assert len({orjson.dumps(data(one)["resolution"]) for one in found}) == 1
    assert place.process.process.poll() is None


async def test_a_denial_and_a_solved_ticket_stop_the_action(place: Place, name: str) -> None:
    async with handed(place, f"{name}-deny") as one:
        assert (await place.post(name, note(name, one.handoff, "#deny no receipt")))[0] == 202
        released = await one.release()
        assert (released["verdict"], released["reasons"][0]["code"]) == ("block", "approval.denied")
    async with handed(place, f"{name}-solved") as one:
        if name == "zendesk":
            event = {"current": "SOLVED", "previous": "OPEN"}
            sent = zendesk(zendesk_event("status_changed", external_id(one.handoff), event, 2))
        else:
            sent = intercom(intercom_notification("conversation.admin.closed", one.handoff, None))
        assert (await place.post(name, sent))[0] == 202
        assert (await one.release())["verdict"] == "block"


async def test_what_is_no_answer_is_ignored_and_what_is_forged_refused(place: Place, name: str) -> None:
    async with handed(place, f"{name}-forged") as one:
        before = await place.resolutions()
        body, headers = note(name, one.handoff, "#approve")
        for wrong in ({}, {key: value[:-2] + "ab" for key, value in headers.items()}):
            status, said = await place.post(name, (body, wrong))
            assert (status, said) == (401, {"said": "not verified"})
        assert (await place.post(name, (body.replace(b"#approve", b"#APPROVE"), headers)))[0] == 401
        assert (await place.post("nobody", (body, headers)))[0] == 404
        if name == "zendesk":
            for other in (
                zendesk_note(external_id(one.handoff), "#approve", staff=False),
                zendesk_note(external_id(one.handoff), "#approve", public=True),
                zendesk_note(external_id(one.handoff), "I would #approve this"),
                zendesk_note("", "#approve"),
            ):
                assert await place.post(name, zendesk(other)) == (200, {"said": "ignored"})
            old = zendesk(zendesk_note(external_id(one.handoff), "#approve"), at_s=1)
            assert (await place.post(name, old))[0] == 401
        else:
            ping = {"type": "notification_event", "topic": "ping", "data": {"item": {"type": "ping"}}, "id": None}
            assert await place.post(name, intercom(ping)) == (200, {"said": "ignored"})
        assert await place.resolutions() == before


async def test_an_assignment_is_a_claim(place: Place, name: str) -> None:
    async with handed(place, f"{name}-claim") as one:
        if name == "zendesk":
            event = {"current": "8447388090495", "previous": None}
            sent = zendesk(zendesk_event("agent_assignment_changed", external_id(one.handoff), event, 3))
        else:
            sent = intercom(intercom_notification("conversation.admin.assigned", one.handoff, None))
        assert (await place.post(name, sent))[0] == 202
        claims = [found for found in await place.resolutions() if found["type"] == "handrail.handoff.claimed.v1"]
        assert [found["data"]["handoff_id"] for found in claims] == [one.handoff["handoff_id"]]


async def test_what_the_contract_does_not_take_is_refused_with_its_place(place: Place, name: str) -> None:
    handoff = {"handoff_id": "hf-1", "conversation_id": "x" * 300, "pending": None}
    status, said = await place.post(name, note(name, handoff, "#return"))
    assert status == 422
    assert "subject" in said["said"]


@pytest.mark.parametrize("example", ["zendesk", "intercom"])
def test_nothing_of_a_customer_can_begin_what_handrail_writes(example: str) -> None:
    """The sender's own words come back as a note of a staff member: they must not be a command."""
    text = (EXAMPLES / f"{example}.yaml").read_text()
    if example == "zendesk":
        body = text.split("          body: |\n")[1].splitlines()[0].strip()
        assert not body.startswith(("#", "{{"))
    else:
        assert "/reply" not in text
