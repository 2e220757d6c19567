"""Exemptions that the governed claims for itself: imported history, another agent's mode, a person's word.

Whoever may write the log can write any of these fields; only what the bundle names gives them a meaning.
"""

import json
from typing import Any

import pytest

from handrail.policies import Bundle
from tests.bundles import REFUNDS, bundle
from tests.log import AGENT, Log, Outcome

IMPORT = "/import/tau/retail"
NAMED = bundle(refunds=REFUNDS, agents="recorded_sources: [/import/tau/*]\nhuman_sources: [/crm/chat]\n")
OBSERVED = bundle(
    refunds=REFUNDS,
    agents="agents:\n  trainee: {enforcement: observe, sources: [/agents/trainee, /channels/*], tenants: [default]}\n",
)


def said(log: Log, source: str, name: str, **data: Any) -> dict[str, Any]:
    """One event of this source."""
    event = {
        "specversion": "1.0", "id": f"e{len(log.records)}", "source": source, "type": f"handrail.{name}.v1",
        "subject": log.conversation, "time": "2026-11-23T10:15:02.412Z",
        "data": {"agent_id": log.agent, "conversation_id": log.conversation, **data},
    }  # fmt: skip
    return log.append({**event, "data": {key: value for key, value in event["data"].items() if value is not None}})


def executed(log: Log, source: str = AGENT, **more: Any) -> None:
    told = {"action_id": "z", "tool": "refund", "arguments": {"amount": 900}, "status": "ok"}
    said(log, source, "action.executed", **{**told, **more})


def alerts(outcome: Outcome, kind: str) -> list[dict[str, Any]]:
    return [one for one in outcome.of("alert") if one["kind"] == kind]


# --- recorded


@pytest.mark.parametrize(
    "source", [AGENT, "/import/tau", "/Import/tau/retail", "/x/import/tau/retail", " /import/tau/r"]
)
def test_recorded_from_a_source_that_is_not_named_hides_no_bypass(source: str) -> None:
    log = Log()
    executed(log, source, recorded=True)
    log.proposes("refund", amount=5)
    outcome = log.fold(NAMED)
    messages = [one["message"] for one in alerts(outcome, "bypass")]
    assert len(messages) == 2
    assert any("executed without a decision" in one for one in messages)
    assert any("recorded" in one and "recorded_sources" in one for one in messages)
    assert outcome.codes() == ["agent.mode"]
    assert "recorded" not in outcome.decisions[-1]


def test_without_the_setting_nobody_is_recorded() -> None:
    log = Log()
    executed(log, IMPORT, recorded=True)
    assert len(alerts(log.fold(), "bypass")) == 2


def test_the_ignored_flag_is_told_once_in_a_conversation() -> None:
    log = Log()
    for _ in range(7):
        said(log, AGENT, "query.received", text="Where is my parcel?", recorded=True)
    outcome = log.fold(NAMED, batch=2)
    assert len(alerts(outcome, "bypass")) == 1
    assert alerts(outcome, "bypass")[0]["evidence"]["source"] == AGENT


def test_a_repeat_with_the_flag_tells_nothing_more() -> None:
    log = Log()
    first = said(log, AGENT, "query.received", text="Where is my parcel?", recorded=True)
    log.append(first)
    outcome = log.fold(NAMED)
    assert len(alerts(outcome, "bypass")) == 1
    assert [decision.get("repeat", False) for decision in outcome.decisions] == [False, True]


def test_replay_says_what_to_write_for_each_source_once() -> None:
    from handrail.streams.governor.replay import replay

    lines = []
    for number in range(3):
        for source in ("/import/a", "/import/b"):
            log = Log(f"conv-{number}-{source[-1]}")
            said(log, source, "query.received", text="Where is my parcel?", recorded=True)
            lines.append(log.records[0].value or b"")
    rules, notices = bundle(), list[str]()
    assert len(list(replay(lines, {rules.ruleset: rules}, rules.ruleset, notices.append))) == 12
    assert [one.split("of ")[1].split()[0] for one in notices] == ["'/import/a'", "'/import/b'"]
    assert all("recorded_sources" in one for one in notices)
    rules, notices = NAMED, []
    list(
        replay(
            [line.replace(b"/import/", b"/import/tau/") for line in lines],
            {rules.ruleset: rules},
            rules.ruleset,
            notices.append,
        )
    )
    assert notices == []


def test_a_named_import_is_recorded_as_before() -> None:
    log = Log()
    executed(log, IMPORT, recorded=True)
    said(log, IMPORT, "human.requested", recorded=True)
    log.wait(7200).control("tick")
    outcome = log.fold(NAMED)
    assert [one["kind"] for one in outcome.of("alert")] == ["completeness"]
    assert outcome.decisions[0]["recorded"] is True


@pytest.mark.parametrize("when", ["before", "with", "after"])
@pytest.mark.parametrize("source", [AGENT, IMPORT])
def test_no_recorded_event_in_a_conversation_hides_that_nobody_answered(when: str, source: str) -> None:
    """Also not one of a named import: it says of itself that it is history, not of what the customer asks now."""
    log = Log()
    if when == "before":
        said(log, source, "execution.started", recorded=True)
        said(log, source, "human.requested", recorded=True)
    said(log, AGENT, "human.requested", recorded=True if when == "with" else None)
    if when == "after":
        said(log, source, "execution.started", recorded=True)
    log.wait(7200).control("tick")
    assert len(alerts(log.fold(NAMED), "sla")) == 1


def test_eight_open_handoffs_do_not_hide_that_nobody_answered() -> None:
    log = Log()
    for number in range(9):
        log.proposes("refund", amount=101 + number)
    log.event("human.requested")
    log.wait(1200).control("tick")
    assert len(alerts(log.fold(NAMED), "sla")) == 1


def test_redo_after_a_crash_knows_the_same_sources() -> None:
    """The conversation was written, the partition was not: the flag of an unnamed source hides the bypass there no more
    than in the fold itself.
    """
    from handrail.streams.governor.executions import redo_bypass
    from handrail.streams.governor.state import PartitionState

    for source, supervised in ((AGENT, 1), (IMPORT, 0)):
        log = Log()
        executed(log, source, recorded=True)
        partition = PartitionState()
        redo_bypass(partition, json.loads(log.records[0].value or b""), NAMED, "default")
        assert len(partition.modes) == supervised


# --- a person's word


def asked(*sources: str, rules: Bundle = NAMED) -> Outcome:
    """The customer asks for a person, each source says that it is one, and an hour passes."""
    log = Log()
    log.event("human.requested")
    for source in sources:
        said(log, source, "message.sent", role="human_agent", text="Hello, I am a person.")
    log.wait(3600).control("tick")
    return log.fold(rules)


def test_an_agent_that_says_it_is_a_person_answers_no_request_for_one() -> None:
    assert len(alerts(asked(AGENT), "sla")) == 1
    assert len(alerts(asked(AGENT, AGENT, "/crm/chats", "/CRM/chat"), "sla")) == 1
    assert len(alerts(asked(AGENT, rules=bundle()), "sla")) == 1


def test_a_source_that_is_named_speaks_for_people() -> None:
    assert alerts(asked("/crm/chat"), "sla") == []
    assert alerts(asked(AGENT, "/crm/chat"), "sla") == []


def test_the_alert_says_whose_words_count() -> None:
    for rules, sources in ((bundle(), []), (NAMED, ["/crm/chat"])):
        (alert,) = alerts(asked(AGENT, rules=rules), "sla")
        assert alert["evidence"]["human_sources"] == sources


def test_who_asks_again_after_a_persons_word_waits_again() -> None:
    log = Log()
    log.event("human.requested")
    said(log, "/crm/chat", "message.sent", role="human_agent", text="Hello, I am a person.")
    log.wait(60).event("human.requested", channel="button")
    log.wait(3600).control("tick")
    assert len(alerts(log.fold(NAMED), "sla")) == 1


# --- an agent's entry


def test_an_observed_agents_mode_is_not_lent_to_another_source() -> None:
    for source, verdicts, observed in (
        ("/agents/trainee", ["allow", "block"], True),
        ("/channels/mail", ["allow", "block"], True),
        ("/agents/rogue", ["block", "block"], False),
        ("/agents/trainee2", ["block", "block"], False),
    ):
        log = Log(agent="trainee")
        said(log, source, "action.proposed", action_id="a0", tool="refund", arguments={"amount": 5})
        said(log, source, "action.proposed", action_id="a1", tool="refund", arguments={"amount": 900})
        outcome = log.fold(OBSERVED)
        assert outcome.verdicts == verdicts, source
        assert [one.get("enforcement") for one in outcome.decisions] == (["observe"] * 2 if observed else [None] * 2)
        assert ("agent.source" in outcome.codes(0)) is not observed


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("action.proposed", {"action_id": "a", "tool": "get_order", "arguments": {}}),
        ("response.proposed", {"response_id": "r", "text": "Hello to you, customer."}),
        ("query.received", {"text": "Where is my parcel?"}),
        (
            "llm.proposed",
            {"model": {"provider": "p", "name": "m"}, "estimate": {"input_tokens": 1, "output_tokens": 1}},
        ),
    ],
)
@pytest.mark.parametrize("wrong", ["agent.source", "agent.tenant"])
def test_every_question_of_a_source_or_for_a_tenant_that_the_entry_lacks_is_answered_block(
    name: str, data: dict[str, Any], wrong: str
) -> None:
    source, tenant = ("/agents/rogue", None) if wrong == "agent.source" else ("/agents/trainee", "acme")
    log = Log(agent="trainee")
    said(log, source, name, tenant=tenant, **data)
    outcome = log.fold(OBSERVED)
    assert (outcome.verdicts, outcome.codes()) == (["block"], [wrong])
    assert "enforcement" not in outcome.decisions[0]
    assert "agents.yaml" in outcome.decisions[0]["reasons"][0]["message"]


@pytest.mark.parametrize("kind", ["action", "response"])
def test_nor_does_a_stranger_join_an_approval_that_is_open(kind: str) -> None:
    told: dict[str, Any] = {"tool": "refund", "arguments": {"amount": 300}}
    rules = """
id: all
name: All
applies_to: {events: [action.proposed, response.proposed]}
rules: {default_action: require_approval, rules: []}
"""
    one = bundle(all=rules, agents="agents:\n  refunds: {sources: [/agents/refunds]}\n")
    log = Log()
    for number, source in enumerate((AGENT, "/agents/rogue")):
        if kind == "action":
            said(log, source, "action.proposed", action_id=f"a{number}", **told)
        else:
            said(log, source, "response.proposed", response_id=f"r{number}", text="You get your money back.")
    outcome = log.fold(one)
    assert outcome.verdicts == ["require_approval", "block"]
    assert "agent.source" in outcome.codes()
    assert len(outcome.handoffs) == 1


def test_the_tenant_of_the_conversation_counts_and_the_one_that_the_event_names_too() -> None:
    for first, then, code in (
        ("acme", None, True),
        ("acme", "default", True),
        (None, "acme", True),
        (None, None, False),
    ):
        log = Log(agent="trainee")
        said(log, "/channels/mail", "query.received", text="Hello?", tenant=first, agent_id=None)
        said(log, "/agents/trainee", "action.proposed", action_id="a", tool="get_order", arguments={}, tenant=then)
        assert ("agent.tenant" in log.fold(OBSERVED).codes()) is code, (first, then)


def test_a_query_that_names_no_agent_comes_from_anywhere() -> None:
    log = Log(agent="trainee")
    said(log, "/channels/mail", "execution.started")
    said(log, "/somewhere/else", "query.received", text="Where is my parcel?", agent_id=None)
    outcome = log.fold(OBSERVED)
    assert outcome.verdicts == ["allow"]
    assert "enforcement" not in outcome.decisions[0]


def test_who_asks_for_a_person_gets_one_from_any_source() -> None:
    log = Log(agent="trainee")
    said(log, "/agents/rogue", "human.requested")
    assert log.fold(OBSERVED).decisions[0]["route"] == "human"


@pytest.mark.parametrize(("source", "tenant"), [("/agents/rogue", None), ("/agents/trainee", "acme")])
def test_an_execution_that_the_entry_does_not_cover_is_one_without_a_decision(source: str, tenant: str | None) -> None:
    """The observed agent's own executions against a verdict raise nothing; nor does another one use up its decision."""
    log = Log(agent="trainee")
    said(log, "/agents/trainee", "action.proposed", action_id="z", tool="refund", arguments={"amount": 5})
    executed(log, source, arguments={"amount": 5}, tenant=tenant)
    executed(log, "/agents/trainee", arguments={"amount": 5})
    log.proposes("get_order")
    outcome = log.fold(OBSERVED)
    assert len(alerts(outcome, "bypass")) == 1
    assert outcome.decisions[-1]["usage"]["steps"] == 3  # two proposals and the stranger's execution


def test_what_waited_is_judged_again_by_who_asked() -> None:
    """A bundle that lists sources becomes active while a proposal waits: its release is not allowed."""
    from handrail.streams.governor.partition import PartitionFold

    open_rules = bundle(refunds=REFUNDS)
    listed = bundle(refunds=REFUNDS, agents="agents:\n  refunds: {sources: [/agents/other]}\n")
    log = Log()
    log.proposes("refund", amount=300)
    fold = PartitionFold(0, None, {one.ruleset: one for one in (open_rules, listed)}, open_rules.ruleset)
    first = Outcome(fold, [fold.fold(log.records)])
    log.control("policies.activated", ruleset=listed.ruleset)
    log.resolves(first.handoffs[0], "approved")
    outcome = Outcome(fold, [fold.fold(log.records)])
    assert outcome.verdicts == ["block"]
    assert "agent.source" in outcome.codes()


def test_an_entry_without_sources_lets_anyone_speak_and_the_check_says_so() -> None:
    from handrail.policies.lint import agent_warnings

    rules = bundle(agents="agents:\n  trainee: {enforcement: observe}\n")
    log = Log(agent="trainee")
    said(log, "/anyone", "action.proposed", action_id="a", tool="get_order", arguments={})
    assert log.fold(rules).decisions[0]["enforcement"] == "observe"
    (warning,) = map(str, agent_warnings(rules))
    assert warning.startswith("agents.yaml: agents.trainee")
    assert "sources" in warning
    assert agent_warnings(OBSERVED) == []
