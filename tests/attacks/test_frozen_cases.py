"""A person must not approve a case that has moved on: what happens later revises it, and outdates a yes."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import orjson
import pytest

from handrail.schemas.handoff_revision import applied
from tests.bundles import TWO_PEOPLE, bundle, refunds
from tests.log import Log, Outcome

Step = Callable[[Log], object]
BYTES_OF_AN_UPDATE = 2_000  # beside the text


def asked(log: Log, **arguments: Any) -> dict[str, Any]:
    """A refund of $300 that waits for a person; its handoff."""
    log.query("My lamp came broken, I want my $300 back.", customer={"ref": "cust-1"})
    log.proposes("refund", "a1", **(arguments or {"amount": 300}))
    found: dict[str, Any] = log.fold(refunds()).handoffs[-1]
    return found


def last_release(outcome: Outcome) -> dict[str, Any]:
    return [decision for decision in outcome.decisions if decision["kind"] == "release"][-1]


def wrote(log: Log) -> object:
    return log.query("Wait, please do NOT refund the lamp.")


def cancelled(log: Log) -> object:
    return log.event("customer.acted", tool="cancel_return", arguments={"order": "A-1"}, status="ok")


def pressed_the_button(log: Log) -> object:
    return log.event("human.requested")


def complained_in_the_survey(log: Log) -> object:
    return log.event("feedback.received", csat=1, text="Do not refund me, replace it!")


def paid_elsewhere(log: Log) -> object:
    return log.executes("store_credit", "b1", effect_amount=300)


def wrote_by_decision(log: Log) -> object:
    return log.does("update_address", street="Main St 1")


OUTDATES: list[Step] = [
    wrote, cancelled, pressed_the_button, complained_in_the_survey, paid_elsewhere, wrote_by_decision,
]  # fmt: skip


def said_by_the_agent(log: Log) -> object:
    return log.event("message.sent", role="assistant", text="A colleague looks at it.")


def said_by_a_person(log: Log) -> object:
    return log.event("message.sent", role="human_agent", text="I am looking at it.")


def looked_up(log: Log) -> object:
    log.event("action.proposed", action_id="l1", tool="get_order", arguments={"order": "A-1"}, effect="read")
    return log.event(
        "action.executed", action_id="l1", tool="get_order", arguments={"order": "A-1"}, status="ok",
        result={"total": 3}, effect="read",
    )  # fmt: skip


def looked_up_at_last(log: Log) -> object:
    """Nobody knew for a while whether it had run."""
    order = {"order": "A-2"}
    log.event("action.proposed", action_id="l2", tool="get_order", arguments=order, effect="read")
    for status in ("unknown", "ok"):
        log.event("action.executed", action_id="l2", tool="get_order", arguments=order, status=status, effect="read")
    return log


REVISES: list[Step] = [said_by_the_agent, said_by_a_person]


@pytest.mark.parametrize("step", OUTDATES)
def test_a_yes_to_what_was_before_releases_nothing(step: Step) -> None:
    log = Log()
    handoff = asked(log)
    step(log)
    log.resolves(handoff, "approved", by="ann")
    outcome = log.fold(refunds())
    release = last_release(outcome)
    assert (release["kind"], release["verdict"]) == ("release", "require_approval")
    assert [reason["code"] for reason in release["reasons"]] == ["approval.outdated"]
    assert (release["handoff_id"], release["action_id"]) == (handoff["handoff_id"], "a1")
    assert not [one for one in outcome.of("handoff.closed") if one["handoff_id"] == handoff["handoff_id"]]


@pytest.mark.parametrize("step", OUTDATES)
def test_a_yes_to_what_was_seen_releases(step: Step) -> None:
    log = Log()
    handoff = asked(log)
    step(log)
    log.resolves(handoff, "approved", by="ann")
    latest = revisions(log.fold(refunds()), handoff)[-1]
    log.resolves(handoff, "approved", by="ann", revision=latest["revision"])
    assert "approval.granted" in log.fold(refunds()).codes()


@pytest.mark.parametrize("step", [*REVISES, looked_up])
def test_what_an_agent_says_or_reads_outdates_nothing(step: Step) -> None:
    log = Log()
    handoff = asked(log)
    step(log)
    log.resolves(handoff, "approved")
    assert "approval.granted" in [reason["code"] for reason in last_release(log.fold(refunds()))["reasons"]]


def revisions(outcome: Outcome, handoff: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in outcome.handoffs if one["handoff_id"] == handoff["handoff_id"]]


@pytest.mark.parametrize("step", [*OUTDATES, *REVISES, looked_up])
def test_each_step_is_a_revision_that_says_what_is_new(step: Step) -> None:
    log = Log()
    handoff = asked(log)
    before = len(log.records)
    step(log)
    first, *later = revisions(log.fold(refunds()), handoff)
    assert (first["revision"], first["news"], first["revision_min"]) == (1, [], 1)
    assert [one["revision"] for one in later] == list(range(2, 2 + len(later)))
    assert later
    assert {one["since"] for one in later} == {1}
    assert later[-1]["news"][0]["offset"] >= before > first["log"]["last_offset"]
    assert later[-1]["transcript"] or later[-1]["attempts"]


def test_the_news_stand_on_top_of_a_handoff_that_is_asked_again() -> None:
    log = Log()
    handoff = asked(log)
    wrote(log)
    said_by_the_agent(log)
    log.resolves(handoff, "approved")
    whole = revisions(log.fold(refunds()), handoff)[-1]
    assert "since" not in whole
    assert [one["what"] for one in whole["news"]] == ["customer.wrote", "agent.wrote"]
    assert "do NOT refund" in whole["news"][0]["text"]
    assert (whole["pending"], whole["due_at"]) == (handoff["pending"], handoff["due_at"])


def test_a_no_counts_whatever_was_seen() -> None:
    log = Log()
    handoff = asked(log)
    wrote(log)
    log.resolves(handoff, "denied")
    assert last_release(log.fold(refunds()))["reasons"][0]["code"] == "approval.denied"


def test_a_revision_that_does_not_exist_was_not_seen() -> None:
    log = Log()
    handoff = asked(log)
    log.resolves(handoff, "approved", revision=9)
    assert last_release(log.fold(refunds()))["reasons"][0]["code"] == "approval.outdated"


def test_it_still_expires_when_it_was_to_expire() -> None:
    log = Log()
    handoff = asked(log)
    log.wait(1800)
    wrote(log)
    log.resolves(handoff, "approved")
    log.wait(1800).control("tick")
    assert last_release(log.fold(refunds()))["reasons"][0]["code"] == "approval.expired"


def test_the_first_of_two_has_to_look_again_too() -> None:
    log = Log()
    two = bundle(refunds=TWO_PEOPLE)
    log.proposes("refund", "a1", amount=300)
    handoff = log.fold(two).handoffs[-1]
    log.resolves(handoff, "approved", by="ann")
    wrote(log)
    now = revisions(log.fold(two), handoff)[-1]["revision"]
    log.resolves(handoff, "approved", by="bob", revision=now)
    assert [one for one in log.fold(two).decisions if one["kind"] == "release"] == []
    log.resolves(handoff, "approved", by="ann", revision=now + 1)
    release = last_release(log.fold(two))
    granted = next(one for one in release["reasons"] if one["code"] == "approval.granted")
    assert granted["evidence"]["by"] == ["bob", "ann"]


def test_all_revisions_together_say_what_one_in_full_says() -> None:
    log = Log()
    handoff = asked(log)
    for step in (*REVISES, wrote, looked_up, looked_up_at_last, cancelled, paid_elsewhere, complained_in_the_survey):
        step(log)
    log.query("My card is 4111 1111 1111 1111, refund it there.")
    log.resolves(handoff, "approved")
    *updates, whole = revisions(log.fold(refunds()), handoff)
    merged = reduce(applied, updates)
    assert merged["problem"]["text"] == whole["problem"]["text"]
    for name in ("transcript", "said_to_customer", "news", "redactions", "redacted", "pending", "customer"):
        assert merged[name] == whole[name], name
    assert ran(merged) == ran(whole)
    assert {row["tool"] for row in ran(whole)} == {"get_order", "store_credit"}


def ran(handoff: dict[str, Any]) -> list[dict[str, Any]]:
    fields = ("action_id", "tool", "arguments", "verdict", "status", "result")
    return [{name: row[name] for name in fields} for row in handoff["attempts"] if row["status"]]


@pytest.mark.parametrize("text", ["where is my money? " * 6, "x" * 1_990, "ä" * 1_990], ids=["usual", "long", "wide"])
def test_what_eight_handoffs_and_a_thousand_events_write_is_bounded(text: str) -> None:
    log = Log()
    for amount in range(201, 209):
        log.proposes("refund", f"a{amount}", amount=amount)
    for number in range(1000):
        log.query(f"{number} {text}")
    records = [one for one in log.fold(refunds(), batch=100).records if one["type"] == "handrail.handoff.v1"]
    sizes = [len(orjson.dumps(one)) for one in records if "since" in one["data"]]
    print(f"8 open handoffs, 1,000 messages of {len(text)} characters: {sum(sizes) / 1e6:.0f} MB")
    assert len(sizes) == 8_000
    assert max(sizes) <= BYTES_OF_AN_UPDATE + len(text.encode())
