"""One person, agent or tenant under several spellings: compared as one; what cannot be seen is refused."""

import json
from typing import Any
from unicodedata import normalize

import pytest

from handrail.policies import Bundle, load_bundle
from handrail.schemas.errors import PolicyErrors
from tests.bundles import REFUNDS, TWO_PEOPLE, bundle, written
from tests.log import Log, Outcome

SAME = [
    ("agent-7", "agent-7 "),
    ("agent-7", " agent-7"),
    ("agent-7", "AGENT-7"),
    ("agent-7", "ａｇｅｎｔ－７"),
    ("agent-7", "agent-7\u00a0"),
    ("agent-7", "Agent-7\u3000"),
    ("josé", normalize("NFD", "José")),
    ("STRASSE", "straße"),
    ("ﬁona", "FIONA"),
    ("Ann Lee", "ANN\u0020LEE"),
    ("kim@shop.example", "Kim@Shop.Example"),
]
REFUSED = {
    "zero width space": "agent-7\u200b",
    "zero width joiner inside": "agent\u200d-7",
    "word joiner": "\u2060agent-7",
    "byte order mark": "\ufeffagent-7",
    "soft hyphen": "agent\u00ad-7",
    "right-to-left override": "agent-\u202e7",
    "isolate": "\u2066agent-7\u2069",
    "tag": "agent-7\U000e0041",
    "control": "agent\u0085-7",
    "unassigned": "agent-7\u0378",
    "private": "agent-7\ue000",
    "line separator": "agent\u2028-7",
    "variation selector": "agent-7\ufe0f",
    "grapheme joiner": "agent\u034f-7",
    "hangul filler": "agent-7\u3164",
    "braille blank": "agent-7\u2800",
    "no-break space inside": "Ann\u00a0Lee",
    "thin space inside": "Ann\u2009Lee",
    "two spaces inside": "Ann  Lee",
    "only spaces": "   ",
    "cyrillic letter in a latin word": "k\u0456m",
    "greek letter in a latin word": "\u03bfmar",
}


def answered(rules: Bundle, *people: str, agent: str = "refunds", outcome: str = "approved") -> Outcome:
    """A refund of $300 waits, and these people answer."""
    log = Log(agent=agent)
    log.proposes("refund", amount=300)
    handoff = log.fold(rules).handoffs[0]
    for by in people:
        log.resolves(handoff, outcome, by)
    return log.fold(rules)


def releases(outcome: Outcome) -> list[str]:
    return [one["verdict"] for one in outcome.decisions if one["kind"] == "release"]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_person_under_two_spellings_is_one_approver_of_two(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        outcome = answered(bundle(refunds=TWO_PEOPLE), first, second)
        assert releases(outcome) == []
        assert outcome.of("deadletter") == []
        assert outcome.handoffs[-1]["approvals"] == {"needed": 2, "by": [first]}, "the text as it came is shown"


def test_two_people_are_still_two() -> None:
    assert releases(answered(bundle(refunds=TWO_PEOPLE), "Agent-7 ", "agent-8")) == ["allow"]
    assert releases(answered(bundle(refunds=TWO_PEOPLE), "иван", "ivan")) == ["allow"]
    assert releases(answered(bundle(refunds=TWO_PEOPLE), "иван@shop.example", "王芳")) == ["allow"]


@pytest.mark.parametrize("by", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_seen_in_a_name_is_refused_with_one_line(by: str) -> None:
    outcome = answered(bundle(refunds=TWO_PEOPLE), "agent-7", by)
    assert releases(outcome) == []
    (letter,) = outcome.of("deadletter")
    assert letter["reason"].startswith("data.resolution.by.id: ")
    assert letter["reason"].isprintable()


@pytest.mark.parametrize("field", ["agent_id", "tenant"])
@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_so_are_agents_and_tenants_by_both_readers(field: str, name: str) -> None:
    from handrail.schemas import quick
    from handrail.schemas.decode import decode
    from handrail.schemas.errors import SchemaError

    log = Log()
    event = log.event("action.proposed", action_id="a", tool="get_order", arguments={}, **{field: name})
    compact = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    assert quick.read(compact) is None
    with pytest.raises(SchemaError, match=rf"^data\.{field}: "):
        decode(compact)
    outcome = log.fold()
    assert outcome.decisions == []
    assert outcome.of("deadletter")[0]["reason"].startswith(f"data.{field}: ")


@pytest.mark.parametrize("by", ["refunds", "Refunds ", "ＲＥＦＵＮＤＳ", "/agents/refunds"])
@pytest.mark.parametrize("needed", [REFUNDS, TWO_PEOPLE])
def test_who_proposes_cannot_approve(by: str, needed: str) -> None:
    outcome = answered(bundle(refunds=needed), by)
    assert releases(outcome) == []
    assert outcome.of("handoff.closed") == []
    (alert,) = [one for one in outcome.of("alert") if one["kind"] == "bypass"]
    assert "agent" in alert["message"]
    assert alert["evidence"]["by"] == by


def test_nor_can_another_agent_that_the_bundle_names() -> None:
    rules = bundle(refunds=TWO_PEOPLE, agents="agents:\n  Checker: {sources: [/agents/checker]}\n")
    assert releases(answered(rules, "kim", "checker ")) == []
    assert releases(answered(rules, "kim", "ann")) == ["allow"]


def test_an_agent_may_say_no() -> None:
    assert releases(answered(bundle(refunds=REFUNDS), "refunds", outcome="denied")) == ["block"]


@pytest.mark.parametrize("outcome", ["returned", "resolved"])
def test_an_agent_cannot_give_the_conversation_back_to_itself(outcome: str) -> None:
    log = Log()
    log.event("human.requested")
    handoff = log.fold().handoffs[0]
    log.resolves(handoff, outcome, "REFUNDS")
    log.answers("I am back and will help you now.")
    log.wait(3600).control("tick")
    found = log.fold()
    assert found.verdicts == ["block", "block"]
    assert sorted(one["kind"] for one in found.of("alert") if one["kind"] != "completeness") == ["bypass", "sla"]


def test_who_writes_to_the_customer_is_no_agent_by_that() -> None:
    """Some name the person as `agent_id` of what the person wrote: that person may approve all the same."""
    log = Log()
    log.event("message.sent", role="human_agent", text="One moment, please.", agent_id="kim")
    handoff = log.fold().handoffs[0]
    log.resolves(handoff, "returned", "kim")
    log.proposes("refund", amount=300)
    rules = bundle(refunds=REFUNDS)
    log.resolves(log.fold(rules).handoffs[-1], "approved", "kim")
    assert releases(log.fold(rules)) == ["allow"]


# --- where else a name decides


@pytest.mark.parametrize("name", ["Refunds", "refunds ", "ＲＥＦＵＮＤＳ"])
def test_an_agents_mode_breaker_and_limits_follow_it_under_every_spelling(name: str) -> None:
    for told in ("refunds", name):
        log = Log(agent=name if told == "refunds" else "refunds")
        log.control("agent.mode", agent_id=told, mode="human")
        log.answers("Let me help you with that.")
        assert log.fold().verdicts == ["block"]
        log = Log(agent=name if told == "refunds" else "refunds")
        log.control("breaker.changed", agent_id=told, state="open")
        log.answers("Let me help you with that.")
        log.control("breaker.changed", agent_id="refunds", state="closed")
        log.answers("Let me help you with that, now.")
        assert log.fold().verdicts == ["block", "allow"]
    rules = bundle(limits="agents: {REFUNDS: {steps_max: 1}}\ntenants: {Acme: {loop_iterations: 2}}\n")
    assert rules.limits("acme ", name).steps_max == 1
    assert rules.limits("ACME", "x").loop_iterations == 2


def test_the_mode_that_a_bypass_set_is_lifted_under_another_spelling() -> None:
    log = Log(agent="Refunds")
    log.executes("refund", "z", amount=5)
    log.control("agent.mode", agent_id="refunds", mode="ai")
    log.proposes("refund", amount=5)
    assert log.fold(bundle(refunds=REFUNDS)).verdicts == ["allow"]


def test_a_tenants_mode_follows_it() -> None:
    log = Log()
    log.control("agent.mode", agent_id="refunds", tenant="Acme", mode="human")
    log.event("response.proposed", response_id="r", text="Let me help you.", tenant="ACME ")
    assert log.fold().verdicts == ["block"]


def test_a_rule_for_an_agent_or_tenant_follows_it() -> None:
    scoped = """
id: scoped
name: Scoped
rules:
  default_action: allow
  rules:
    - {id: a, applies_to: {agents: [Refunds]}, condition: {field: amount, operator: exists}, action: block}
    - {id: t, applies_to: {tenants: [acme]}, condition: {field: amount, operator: exists}, action: block}
    - {id: named, condition: {field: agent_id, operator: equals, value: Shop}, action: block}
    - {id: listed, condition: {field: tenant, operator: in_list, value: [Beta, gamma]}, action: block}
"""
    rules = bundle(scoped=scoped)
    for agent, tenant, rule in (
        ("REFUNDS ", "x", "a"), ("refunds", "x", "a"), ("b", "ＡCME", "t"), ("SHOP", "x", "named"),
        ("shop ", "x", "named"), ("b", "BETA", "listed"), ("b", "Gamma", "listed"), ("b", "x", None),
    ):  # fmt: skip
        log = Log(agent=agent)
        log.event("action.proposed", action_id="a", tool="refund", arguments={"amount": 1}, tenant=tenant)
        reasons = log.fold(rules).decisions[0]["reasons"]
        assert [one["rule_id"] for one in reasons] == ([rule] if rule else []), (agent, tenant)


def test_an_observed_agent_is_observed_under_every_spelling() -> None:
    rules = bundle(agents="agents: {Trainee: {enforcement: observe}}\n")
    assert rules.observes("trainee")
    assert rules.observes(" TRAINEE")
    assert not rules.observes("trainee2")


def refused(folder: Any, **files: str) -> str:
    with pytest.raises(PolicyErrors) as caught:
        load_bundle(written(folder, **files))
    return "\n".join(map(str, caught.value.mistakes))


def test_entries_that_are_one_after_folding_are_refused_at_load(tmp_path: Any) -> None:
    for files in (
        {"agents": "agents: {shop: {enforcement: observe}, 'Shop ': {}}\n"},
        {"limits": "agents: {shop: {steps_max: 1}, SHOP: {steps_max: 9}}\n"},
        {"limits": "tenants: {acme: {steps_max: 1}, Ａcme: {steps_max: 9}}\n"},
    ):
        assert "the same" in refused(tmp_path, **files)
        for path in tmp_path.iterdir():
            path.unlink()


def test_so_are_names_that_cannot_be_seen(tmp_path: Any) -> None:
    assert "U+200B" in refused(tmp_path, agents='agents: {"shop\\u200b": {}}\n')
    assert "U+202E" in refused(tmp_path, agents='agents: {shop: {tenants: ["a\\u202eb"]}}\n')
