"""What a rule cannot read is not what is not there: text, a list or another spelling gets no refund past it."""

from typing import Any

import pytest

from tests.bundles import bundle
from tests.log import Log, Outcome

TOOLS = """
tools:
  issue_refund: {effect: write, fields: {refund_amount_usd: arguments.order.amount}}
  buy_voucher: {effect: write, fields: {voucher_usd: arguments.price}}
  get_order: {effect: read}
"""
LIMIT = "{field: refund_amount_usd, operator: greater_than, value: 500}"
DIRECT = "{field: arguments.order.amount, operator: greater_than, value: 500}"

DISGUISED: dict[str, Any] = {
    "text": '{"amount": 900}',
    "list": [{"amount": 900}],
    "null": None,
    "number": 900,
    "false": False,
    "list in a list": [[900]],
    "empty text": "",
    "deep": {"amount": {"amount": 900}},
    "null inside": {"amount": None},
}
SPELT = {"upper case": {"Amount": 900}, "space": {"amount ": 900}, "empty": {}, "wide": {"ａｍｏｕｎｔ": 900}}


def judged(
    arguments: dict[str, Any], condition: str = LIMIT, more: str = "action: block", tool: str = "issue_refund"
) -> Outcome:
    rule = f"{{id: r, condition: {condition}, {more}}}"
    policy = f"id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {rule}\n"
    log = Log()
    log.proposes(tool, **arguments)
    return log.fold(bundle(p=policy, tools=TOOLS))


@pytest.mark.parametrize("how", [*DISGUISED, *SPELT])
@pytest.mark.parametrize("action", ["block", "require_approval"])
def test_an_amount_that_cannot_be_read_where_tools_yaml_says_it_is(how: str, action: str) -> None:
    outcome = judged({"order": (DISGUISED | SPELT)[how]}, more=f"action: {action}")
    assert outcome.verdicts == [action]
    found = outcome.decisions[0]["reasons"][0]["evidence"]
    assert found["unknown"] == ("missing" if how in SPELT else "not comparable")


@pytest.mark.parametrize("how", DISGUISED)
@pytest.mark.parametrize("scope", ["", ", on_missing: skip", ", applies_to: {tools: [issue_refund]}"])
def test_a_path_that_a_rule_names_itself(how: str, scope: str) -> None:
    assert judged({"order": DISGUISED[how]}, DIRECT, f"action: block{scope}").verdicts == ["block"]


@pytest.mark.parametrize("how", DISGUISED)
def test_an_exception_is_not_had_by_it(how: str) -> None:
    """No is no answer either: `not` leaves unknown what is, and an allow needs to know."""
    order = {"order": DISGUISED[how]}
    small = "{field: refund_amount_usd, operator: less_than, value: 500}"
    assert judged(order, f"{{not: {small}}}").verdicts == ["block"]
    assert judged(order, f"{{all: [{small}, {LIMIT}]}}").verdicts == ["block"]
    allowed = judged(order, small, "action: allow")
    assert allowed.decisions[0]["reasons"] == []


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_whether_it_exists_cannot_be_known_either(wanted: str) -> None:
    condition = f"{{field: refund_amount_usd, operator: exists, value: {wanted}}}"
    assert judged({"order": '{"amount": 900}'}, condition).verdicts == ["block"]
    assert judged({"order": {"amount": 900}}, condition).verdicts == ["block" if wanted == "true" else "allow"]
    assert judged({"order": {}}, condition).verdicts == ["allow" if wanted == "true" else "block"]


def test_the_decision_says_in_words_what_was_met() -> None:
    outcome = judged({"order": '{"amount": 900}'})
    reason = outcome.decisions[0]["reasons"][0]
    assert reason["message"] == 'r: refund_amount_usd = {"amount": 900} (not comparable), greater_than 500'
    assert reason["evidence"] == {
        "field": "refund_amount_usd",
        "operator": "greater_than",
        "value": '{"amount": 900}',
        "threshold": 500,
        "unknown": "not comparable",
        "why": "arguments.order is text: amount cannot be looked up in it",
    }


def test_the_decision_says_in_words_what_is_not_there() -> None:
    why = "tools.yaml says that it is arguments.order.amount, which is not there"
    assert judged({"order": {}}).decisions[0]["reasons"][0]["evidence"]["why"] == why
    skipped = judged({"order": {}}, more="action: block, on_missing: skip").decisions[0]["skipped"]
    assert skipped == [{"policy_id": "p", "rule_id": "r", "field": "refund_amount_usd", "why": why}]


def test_a_plain_argument_that_is_mapped_and_absent() -> None:
    """The screen, which is made when a tool comes the second time, says the same."""
    policy = "id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n"
    policy += (
        "    - {id: r, condition: {field: voucher_usd, operator: greater_than, value: 50}, action: require_approval}\n"
    )
    log = Log()
    for price in (5, 6, None, 7):
        log.proposes("buy_voucher", **({} if price is None else {"price": price}))
    log.proposes("buy_voucher", Price=900)
    assert log.fold(bundle(p=policy, tools=TOOLS)).verdicts == [
        "allow",
        "allow",
        "require_approval",
        "allow",
        "require_approval",
    ]


@pytest.mark.parametrize("tool", ["get_order", "lookup", "buy_voucher"])
def test_tools_for_which_the_field_is_not_mapped_are_left_alone(tool: str) -> None:
    outcome = judged({"order": "A-1", "price": 1}, tool=tool)
    assert outcome.verdicts == ["allow"]
    assert outcome.decisions[0]["skipped"] == [{"policy_id": "p", "rule_id": "r", "field": "refund_amount_usd"}]


def test_what_reads_well_is_judged_as_before() -> None:
    for amount, verdict in ((499, "allow"), ("499", "allow"), (501, "block"), ("501", "block")):
        assert judged({"order": {"amount": amount}}).verdicts == [verdict]


@pytest.mark.parametrize("told", [5, "vip", [], ["vip"], False, ""])
def test_attributes_that_are_no_object(told: Any) -> None:
    policy = "id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n"
    policy += "    - {id: r, condition: {field: attributes.vip, operator: equals, value: false}, action: block}\n"
    log = Log()
    log.event("action.proposed", action_id="a", tool="issue_refund", arguments={}, attributes=told)
    assert log.fold(bundle(p=policy, tools=TOOLS)).verdicts == ["block"]
