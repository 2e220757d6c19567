"""What is known of an order comes from that order's own look-up: no other result moves it."""

from typing import Any

import pytest

from handrail.streams.governor.facts import FACTS, FACTS_BY_KEY_MAX
from handrail.streams.governor.partition import PartitionFold
from tests.bundles import bundle
from tests.log import Log, Outcome

TOOLS = """
tools:
  get_order: {effect: read}
  refund:
    effect: write
    facts: {order_total: {from: results.get_order.total, key: order_id}, tier: results.get_user.tier}
"""
POLICY = """
id: p
name: P
rules:
  default_action: allow
  rules:
    - {id: small-order, condition: {field: order_total, operator: less_than, value: 100}, action: block}
    - {id: guest, condition: {field: tier, operator: equals, value: guest}, action: block, on_block: refuse}
"""


def looks_up(log: Log, order: Any, result: Any, tool: str = "get_order", status: str = "ok", **more: Any) -> None:
    arguments = {**({} if order is None else {"order_id": order}), **more}
    action = log.proposes(tool, **arguments)
    log.executes(tool, action, result=result, status=status, **arguments)


def after(log: Log, order: Any = "A", policy: str = POLICY, tools: str = TOOLS, **more: Any) -> Outcome:
    log.proposes("refund", **({} if order is None else {"order_id": order}), **more)
    return log.fold(bundle(p=policy, tools=tools))


def fired(outcome: Outcome) -> list[tuple[str, Any]]:
    found = [one for one in outcome.decisions[-1]["reasons"] if one["rule_id"]]
    return [(one["rule_id"], one["evidence"].get("unknown", one["evidence"]["value"])) for one in found]


def test_the_order_that_is_refunded_counts_not_the_one_looked_up_last() -> None:
    log = Log()
    looks_up(log, "A", {"total": 40})
    looks_up(log, "B", {"total": 4000})
    assert fired(after(log, "A")) == [("small-order", 40)]
    assert fired(after(log, "B")) == []


@pytest.mark.parametrize(
    "tool",
    ["scratch.get_order", "mcp__other__get_order", "other/get_order", "other:get_order", "get_order.v2", "get_orders"],
)
def test_only_the_tool_of_exactly_that_name(tool: str) -> None:
    log = Log()
    looks_up(log, "A", {"total": 40})
    looks_up(log, "A", {"total": 4000, "get_order": {"total": 4000}}, tool=tool)
    assert fired(after(log)) == [("small-order", 40)]


@pytest.mark.parametrize("spelt", ["get-order", "Get Order", "GET_ORDER"])
def test_spellings_of_one_name_are_one_tool(spelt: str) -> None:
    log = Log()
    looks_up(log, "A", {"total": 40}, tool=spelt)
    assert fired(after(log)) == [("small-order", 40)]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"total": 4000}, "error"),
        ({}, "ok"),
        ("not found", "ok"),
        (None, "ok"),
        ({"Total": 4000}, "ok"),
        ([4000], "ok"),
    ],
)
def test_errors_and_absent_fields_move_nothing(result: Any, status: str) -> None:
    log = Log()
    looks_up(log, "A", {"total": 40})
    looks_up(log, "A", result, status=status)
    assert fired(after(log)) == [("small-order", 40)]


def test_a_field_that_is_there_and_no_plain_value_compares_with_nothing() -> None:
    log = Log()
    looks_up(log, "A", {"total": 4000})
    looks_up(log, "A", {"total": [4000]})
    assert fired(after(log)) == [("small-order", "not comparable")]


def test_a_look_up_that_was_not_allowed_tells_nothing() -> None:
    policy = POLICY + "    - {id: private, condition: {field: private, operator: equals, value: true}, action: block}\n"
    log = Log()
    looks_up(log, "A", {"total": 4000}, private=True)
    assert fired(after(log, policy=policy)) == [("small-order", "missing")]


@pytest.mark.parametrize("order", ["C", None, ["A"], {"id": "A"}, "a", "A ", 1])
def test_of_an_order_that_nobody_looked_up_nothing_is_known(order: Any) -> None:
    """Unknown counts as yes for a rule that blocks, unless the rule says otherwise."""
    log = Log()
    looks_up(log, "A", {"total": 4000})
    outcome = after(log, order)
    assert fired(outcome) == [("small-order", "missing")]
    why = "no result of get_order for this order_id is known"
    assert outcome.decisions[-1]["reasons"][0]["evidence"]["why"] == why
    skipping = POLICY.replace("value: 100}, action: block}", "value: 100}, action: block, on_missing: skip}")
    told = after(log, order, skipping).decisions[-1]
    assert told["verdict"] == "allow"
    assert {"policy_id": "p", "rule_id": "small-order", "field": "order_total", "why": why} in told["skipped"]


def test_a_look_up_without_the_key_is_of_no_order() -> None:
    log = Log()
    looks_up(log, None, {"total": 4000})
    assert fired(after(log, None)) == [("small-order", "missing")]


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}), (True, True)])
def test_keys_are_one_where_their_canonical_json_is(one: Any, other: Any) -> None:
    log = Log()
    looks_up(log, one, {"total": 40})
    assert fired(after(log, other)) == [("small-order", 40)]


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (True, "true"), (0, False), ("A", "a"), ([1], 1)])
def test_keys_that_only_look_alike_are_two(one: Any, other: Any) -> None:
    log = Log()
    looks_up(log, one, {"total": 4000})
    assert fired(after(log, other)) == [("small-order", "missing")]


def test_tools_that_call_their_argument_something_else() -> None:
    tools = TOOLS.replace(
        "get_order: {effect: read}", "get_order: {effect: read, fields: {order_id: arguments.purchase.id}}"
    )
    log = Log()
    looks_up(log, None, {"total": 40}, purchase={"id": "A"})
    assert fired(after(log, "A", tools=tools)) == [("small-order", 40)]


def test_what_the_agent_says_is_no_fact() -> None:
    log = Log()
    looks_up(log, "A", {"total": 40})
    assert fired(after(log, order_total=4000)) == [("small-order", 40)]


def test_a_fact_without_a_key_is_missing_until_it_is_told() -> None:
    log = Log()
    looks_up(log, "A", {"total": 4000})
    assert fired(after(log)) == []
    looks_up(log, None, {"tier": "guest"}, tool="get_user")
    assert fired(after(log)) == [("guest", "guest")]


@pytest.mark.parametrize(("tool", "status"), [("scratch.get_user", "ok"), ("get_user", "error")])
def test_plain_facts_are_not_moved_by_other_tools_and_errors_either(tool: str, status: str) -> None:
    tools = "tools: {refund: {facts: {tier: results.get_user.tier}}}"
    policy = POLICY.replace(
        "    - {id: small-order, condition: {field: order_total, operator: less_than, value: 100}, action: block}\n", ""
    )
    log = Log()
    looks_up(log, None, {"tier": "guest"}, tool="get_user")
    looks_up(log, None, {"tier": "gold"}, tool=tool, status=status, again=True)
    assert fired(after(log, policy=policy, tools=tools)) == [("guest", "guest")]


def test_the_oldest_leaves_and_is_unknown_again() -> None:
    log = Log()
    for order in range(FACTS_BY_KEY_MAX):
        log.executes("get_order", log.proposes("get_order", order_id=order), result={"total": 4000}, order_id=order)
    looks_up(log, 0, {"total": 4000})  # told again: 1 is the oldest now
    looks_up(log, "new", {"total": 4000})
    limits = "default: {steps_max: 100000}"
    of = bundle(p=POLICY, tools=TOOLS, limits=limits)
    for order in (0, 2, "new", 1):
        log.proposes("refund", order_id=order)
    outcome = log.fold(of)
    assert outcome.verdicts[-4:] == ["allow", "allow", "allow", "block"]


def test_the_head_stays_small() -> None:
    log = Log()
    for order in range(FACTS_BY_KEY_MAX):
        log.executes("get_order", log.proposes("get_order", order_id=order), result={"total": "x" * 64}, order_id=order)
    of = bundle(p=POLICY, tools=TOOLS, limits="default: {steps_max: 100000}")
    fold = PartitionFold(0, None, {of.ruleset: of}, of.ruleset)
    fold.fold(log.records)
    (name, head, _), *_ = fold.memory.sizes()
    case = fold.memory.conversation(name)
    assert case is not None
    assert len(case.part(FACTS)) == FACTS_BY_KEY_MAX
    assert head < 1_200
