"""What the contract does not know of an event is kept and passed on; whatever stands there, it breaks nothing."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from tests.bundles import bundle
from tests.log import Log

RULE = "id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {{id: r, condition: {}, action: block}}\n"
VIP = bundle(vip=RULE.format("{field: attributes.vip, operator: equals, value: true}"))
ODD: tuple[Any, ...] = (5, 1.5, True, ["chat"], {"a": "chat"}, [], None)


@pytest.mark.parametrize("name", ["channel", "locale", "attributes"])
@pytest.mark.parametrize("value", ODD)
def test_a_field_of_another_event_may_hold_anything(name: str, value: Any) -> None:
    log = Log()
    for _ in range(2):  # the second meets the state that the first one left
        log.proposes("get_order", order_id=len(log.records))
        log.event("action.proposed", action_id=f"b{len(log.records)}", tool="look", arguments={}, **{name: value})
    # A rule that reads `attributes.vip` cannot know it of what is no object.
    unreadable = name == "attributes" and not isinstance(value, dict | None)
    assert log.fold(VIP).verdicts == ["allow", "block" if unreadable else "allow"] * 2


def test_a_field_of_another_event_is_learnt_where_it_is_text() -> None:
    log = Log()
    log.event("action.proposed", action_id="a", tool="look", arguments={}, channel="phone", locale="de")
    log.event("human.requested")
    handoff = log.fold().handoffs[-1]
    assert (handoff["channel"], handoff["locale"]) == ("phone", "de")


def test_attributes_of_an_action_are_judged_where_they_are_named() -> None:
    log = Log()
    log.event("action.proposed", action_id="a", tool="look", arguments={}, attributes={"vip": True})
    assert log.fold(VIP).verdicts == ["block"]


@pytest.mark.parametrize("name", ["agent_id", "execution_id", "recorded", "tenant"])
@pytest.mark.parametrize("value", ODD)
def test_a_persons_answer_has_no_agent_whatever_stands_there(name: str, value: Any) -> None:
    log = Log()
    log.event("human.requested")
    log.resolves(log.fold(VIP).handoffs[0], "returned")
    plain = log.fold(VIP).handoffs
    answer = json.loads(log.records[-1].value or b"")
    answer["data"][name] = value
    log.records[-1] = replace(log.records[-1], value=json.dumps(answer).encode())
    assert log.fold(VIP).handoffs == plain
