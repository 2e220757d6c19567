"""`handrail handoffs` against a real worker: a person works what agents hand over."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from handrail.broker import EmbeddedBroker
from handrail.cli import main
from handrail.schemas.topics import DECISIONS, HANDOFFS, RESOLUTIONS
from tests.bundles import TOOLS, TWO_PEOPLE
from tests.desk import resolution
from tests.log import Log
from tests.topics import Wire, data
from tests.workers import worker

pytestmark = pytest.mark.kafka
ONE_PERSON = TWO_PEOPLE.replace("\n      approvals: 2", "").replace("id: refunds", "id: credits").replace(
    "{field: amount, operator: greater_than, value: 100}",
    "{all: [{field: tool, operator: equals, value: credit}, {field: amount, operator: greater_than, value: 100}]}",
).split("    - id: too-high")[0]  # fmt: skip
SHORT_LIVED = "agents:\n  hasty: {approval_ttl_s: 1}\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker and a worker; a `credit` above $100 needs one person, a `refund` two, of the agent `hasty` at once."""
    folder: Path = tmp_path_factory.mktemp("policies")
    two = TWO_PEOPLE.replace(
        "{field: amount, operator: greater_than, value: 100}",
        "{all: [{field: tool, operator: equals, value: refund}, {field: amount, operator: greater_than, value: 100}]}",
    )
    (folder / "refunds.yaml").write_text(two)
    (folder / "credits.yaml").write_text(ONE_PERSON)
    (folder / "tools.yaml").write_text(TOOLS)
    (folder / "limits.yaml").write_text(SHORT_LIVED)
    errors = tmp_path_factory.mktemp("worker")
    with EmbeddedBroker() as running, worker(running.bootstrap, errors, "--policies", str(folder)):
        yield running.bootstrap


class Talk:
    """A conversation of an agent that proposes, on a broker."""

    def __init__(self, broker: str, agent: str = "refunds") -> None:
        self.broker, self.id = broker, f"conv-{uuid4().hex}"
        self._log = Log(self.id, agent)

    def event(self, name: str, **told: Any) -> dict[str, Any]:
        """Publish it; the decision about it."""
        event = self._log.event(name, id=uuid4().hex, **told)
        return asyncio.run(self._decided(event))

    def propose(self, tool: str, amount: int) -> dict[str, Any]:
        return self.event("action.proposed", action_id=uuid4().hex, tool=tool, arguments={"amount": amount})

    async def _decided(self, event: dict[str, Any]) -> dict[str, Any]:
        async with Wire(self.broker, DECISIONS) as wire:
            await wire.publish(event)
            while (found := data(await wire.next()))["for"]["id"] != event["id"]:
                pass
        return found

    def handoff(self) -> str:
        """The id of its newest open handoff."""
        return self.handoffs()[-1]["handoff_id"]

    def handoffs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("list", "--conversation", self.id, "--json").stdout)
        return found

    def run(self, *arguments: str, by: str = "ann") -> Result:
        """`handrail handoffs ARGUMENTS`."""
        speaking = () if arguments[0] == "show" else ("--by", by)
        return CliRunner().invoke(main, ["handoffs", *arguments, *speaking, "--bootstrap", self.broker])


@pytest.fixture
def talk(broker: str) -> Talk:
    return Talk(broker)


def test_what_waits_is_listed_and_shown_with_the_action_as_it_will_run(talk: Talk) -> None:
    talk.event("query.received", text="My \x1b[31mmug\x1b[0m arrived broken, I want $300 back", customer={"ref": "c-1"})
    talk.propose("credit", 300)
    listed = talk.run("list", "--conversation", talk.id)
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "approval" in listed.stdout
    assert "run credit(amount=300)" in listed.stdout
    shown = talk.run("show", talk.handoff()[:14])
    assert "amount = 300" in shown.stdout
    assert "My \\u001b[31mmug" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert talk.handoffs()[0]["pending"]["action_digest"] in shown.stdout


def test_who_has_not_seen_what_the_customer_wrote_since_cannot_approve(talk: Talk) -> None:
    talk.propose("credit", 300)
    handoff = talk.handoff()
    talk.event("query.received", text="Wait, please do NOT send it yet, I found the receipt.")
    refused = talk.run("approve", handoff)
    assert refused.exit_code == 1
    assert "since it was asked, the customer wrote “Wait, please do NOT send it yet" in refused.stderr
    shown = talk.run("show", handoff).stdout
    assert "New since it was asked (revision 2)" in shown
    assert "new · customer" in shown
    done = talk.run("approve", handoff, "--revision", "2")
    assert done.exit_code == 0
    assert done.stdout.startswith("approved: the agent may now run credit")


def test_an_approval_that_the_customer_overtakes_releases_nothing(talk: Talk) -> None:
    """The tool that sent it had not read what the customer wrote meanwhile."""
    talk.propose("credit", 300)
    before = talk.handoffs()[-1]
    talk.event("query.received", text="Wait, please do NOT send it yet, I found the receipt.")
    release = asyncio.run(_released(talk.broker, resolution(before, "approved", revision=before["revision"])))
    assert (release["verdict"], release["reasons"][0]["code"]) == ("require_approval", "approval.outdated")
    assert talk.handoffs()[-1]["revision"] == 3
    done = talk.run("approve", before["handoff_id"], "--revision", "3", by="desk-1")
    assert (done.exit_code, done.stderr) == (0, "")


async def _released(broker: str, answer: dict[str, Any]) -> dict[str, Any]:
    async with Wire(broker, DECISIONS) as wire:
        await wire.publish(answer, RESOLUTIONS)
        while True:
            found = data(await wire.next())
            if (found["conversation_id"], found["kind"]) == (answer["subject"], "release"):
                return found


def test_an_approved_action_may_run_and_a_second_answer_is_too_late(talk: Talk) -> None:
    talk.propose("credit", 300)
    handoff = talk.handoff()
    done = talk.run("approve", handoff, "--note", "checked the receipt")
    assert done.exit_code == 0
    assert done.stdout.startswith("approved: the agent may now run credit(amount=300)")
    again = talk.run("deny", handoff, by="bob")
    assert again.exit_code == 1
    assert "is closed (resolved)" in again.stderr


def test_a_denied_call_stays_blocked(talk: Talk) -> None:
    talk.propose("credit", 300)
    done = talk.run("deny", talk.id)
    assert (
        done.stdout
        == "denied: the agent must not run credit(amount=300); the same call stays blocked in this conversation\n"
    )
    assert talk.propose("credit", 300)["verdict"] == "block"
    assert talk.propose("credit", 90)["verdict"] == "allow"


def test_two_people_are_two_people(talk: Talk) -> None:
    talk.propose("refund", 300)
    handoff = talk.handoff()
    assert talk.run("approve", handoff).stdout == "approved, 1 of 2: waits for a second person\n"
    alone = talk.run("approve", handoff)
    assert alone.exit_code == 1
    assert "a second person is needed" in alone.stderr
    assert "1 of 2 approved" in talk.run("list", "--conversation", talk.id).stdout
    assert talk.run("approve", handoff, by="bob").stdout.startswith("approved: the agent may now")


def test_an_approval_that_has_expired_is_too_late(broker: str) -> None:
    talk = Talk(broker, agent="hasty")
    talk.propose("credit", 300)
    handoff = talk.handoff()
    asyncio.run(closed(broker, handoff))
    late = talk.run("approve", handoff)
    assert late.exit_code == 1
    assert "is closed (expired)" in late.stderr


async def closed(broker: str, handoff: str) -> None:
    """Returns when the handoff has been closed, by ticks alone."""
    async with Wire(broker, HANDOFFS) as wire:
        while True:
            record = await wire.next()
            if b"handrail.handoff.closed.v1" in record.value and data(record)["handoff_id"] == handoff:
                return


def test_a_claim_is_seen_and_only_taken_over_on_purpose(talk: Talk) -> None:
    talk.propose("credit", 300)
    handoff = talk.handoff()
    assert talk.run("claim", handoff).stdout == f"{handoff}: claimed by ann\n"
    assert talk.handoffs()[0]["claim"]["by"]["id"] == "ann"
    assert "claimed: ann" in talk.run("list", "--conversation", talk.id).stdout
    refused = talk.run("claim", handoff, by="bob")
    assert refused.exit_code == 1
    assert refused.stderr == f"{handoff}: ann has claimed it: ask them, or use --take-over\n"
    assert talk.run("claim", handoff, "--take-over", by="bob").stdout.endswith("taken over from ann\n")
    assert talk.run("list", "--mine", "--conversation", talk.id, by="ann").stderr == "nothing waits\n"


def test_returned_lets_the_ai_answer_again_and_resolved_does_not(talk: Talk) -> None:
    talk.event("human.requested")
    assert talk.event("response.proposed", response_id="r1", text="Hello, how can I help?")["verdict"] == "block"
    kept = talk.run("resolve", talk.handoff(), "--needed", "--context-ok", "--handling-s", "90", "--cost-usd", "1.50")
    assert kept.stdout.startswith("resolved: a human keeps the conversation")
    assert talk.event("response.proposed", response_id="r2", text="Hello again, shall I go on?")["verdict"] == "block"
    talk.event("query.received", text="And where is my other parcel now?")
    back = talk.run("return", talk.handoff(), "--note", "only a delivery question")
    assert back.stdout == "returned: the AI may answer again\n"
    assert talk.event("response.proposed", response_id="r3", text="Your parcel comes on Monday.")["verdict"] == "allow"


def test_returned_beside_another_open_handoff_says_that_people_still_have_the_conversation(talk: Talk) -> None:
    talk.event("query.received", text="Someone used my card, these payments are fraud")
    fraud = talk.handoff()
    talk.event("human.requested")
    back = talk.run("return", fraud, "--note", "no fraud: a subscription")
    assert back.stdout == "returned: but people still have the conversation: another handoff of it is open\n"
    assert talk.event("response.proposed", response_id="r1", text="Hello, how can I help?")["verdict"] == "block"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "hf-nowhere"), "hf-nowhere: no such handoff: see `handrail handoffs list --all`\n"),
        (("approve", ""), "an empty id: no such handoff: see `handrail handoffs list --all`\n"),
    ],
)
def test_a_handoff_that_is_not_there_is_one_line(talk: Talk, arguments: tuple[str, ...], said: str) -> None:
    found = talk.run(*arguments)
    assert (found.exit_code, found.stderr) == (1, said)


def test_an_answer_of_the_wrong_kind_is_one_line(talk: Talk) -> None:
    talk.event("human.requested")
    wrong = talk.run("approve", talk.handoff())
    assert wrong.exit_code == 1
    assert wrong.stderr.endswith("no action waits in it (route): use `resolve` or `return`\n")


def test_no_broker_is_one_line() -> None:
    found = CliRunner().invoke(main, ["handoffs", "list", "--bootstrap", "127.0.0.1:1"])
    assert found.exit_code == 2
    assert len(found.stderr.splitlines()) == 1
    assert found.stderr.startswith("broker 127.0.0.1:1: ")
