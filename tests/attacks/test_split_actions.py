"""One action split into many small ones: a conversation adds up, whatever the order in which things are told."""

from decimal import Decimal
from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.schemas.errors import PolicyErrors
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.sums import COUNTED_MAX, SUMS
from tests.bundles import bundle
from tests.log import Log, Outcome

TOOLS = """
tools:
  issue_refund: {effect: write, fields: {refund_usd: arguments.amount}}
  shop.credit: {effect: write, fields: {refund_usd: arguments.credit.usd}}
  get_order: {effect: read}
  wire: {effect: write, fields: {wire_usd: arguments.amount}}
"""
SUM = "{sum: refund_usd, by: conversation, over: 24h, operator: greater_than, value: 500}"
COUNT = "{count: refund_usd, by: conversation, over: 1h, operator: greater_than, value: 3}"
LIMITS = "default: {steps_max: 100000, loop_iterations: 100, approval_ttl_s: 86400}"


def rules(condition: str = SUM, more: str = "action: block", *others: str) -> Bundle:
    listed = "".join(f"    - {one}\n" for one in (f"{{id: split, condition: {condition}, {more}}}", *others))
    policy = f"id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n{listed}"
    return bundle(p=policy, tools=TOOLS, limits=LIMITS, agents="recorded_sources: [/agents/refunds]\n")


def refunds(log: Log, *amounts: Any, tool: str = "issue_refund") -> list[tuple[str, dict[str, Any]]]:
    """Propose them one after the other, none executed yet."""
    made: list[tuple[str, dict[str, Any]]] = []
    for amount in amounts:
        arguments = {"order_id": f"A-{len(log.records)}", "amount": amount}
        made.append((log.proposes(tool, **arguments), arguments))
    return made


def evidence(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = outcome.decisions[-1]["reasons"][0]["evidence"]
    return found


ALLOW, BLOCK = "allow", "block"


def test_of_nine_in_parallel_the_sixth_is_stopped() -> None:
    log = Log()
    refunds(log, *[99] * 9)
    outcome = log.fold(rules())
    assert outcome.verdicts == [ALLOW] * 5 + [BLOCK] * 4
    sixth = outcome.decisions[5]["reasons"][0]
    assert sixth["message"] == "split: sum of refund_usd over 24h = 594, greater_than 500"
    assert sixth["evidence"] == {
        "field": "refund_usd", "operator": "greater_than", "value": 594, "threshold": 500,
        "measure": "sum", "by": "conversation", "over": "24h",
        "parts": [{"offset": offset, "value": 99} for offset in range(6)],
    }  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_of_nine_one_after_the_other_too_however_the_log_is_cut(batch: int) -> None:
    log = Log()
    for _ in range(9):
        ((action, arguments),) = refunds(log, 99)
        log.executes("issue_refund", action, {"ok": True}, **arguments)
    outcome = log.fold(rules(), batch)
    assert outcome.verdicts[:6] == [ALLOW] * 5 + [BLOCK]


def test_what_is_blocked_does_not_count() -> None:
    log = Log()
    refunds(log, 300, 300, 200, 1)
    assert log.fold(rules()).verdicts == [ALLOW, BLOCK, ALLOW, BLOCK]


def test_the_threshold_itself_and_a_cent_more() -> None:
    log = Log()
    refunds(log, 250, "250", 0.01, 0)
    assert log.fold(rules()).verdicts == [ALLOW, ALLOW, BLOCK, ALLOW]


def test_cents_add_up_as_decimals() -> None:
    log = Log()
    refunds(log, *[0.1] * 10, "1e-7")
    outcome = log.fold(rules(SUM.replace("500", "1")))
    assert outcome.verdicts == [ALLOW] * 10 + [BLOCK]
    assert evidence(outcome)["value"] == 1.0000001
    assert evidence(outcome)["more"] == 1
    assert len(evidence(outcome)["parts"]) == 10


def test_two_tools_that_have_the_field_and_one_that_has_another() -> None:
    log = Log()
    refunds(log, 300)
    refunds(log, 9000, tool="wire")
    refunds(log, 9000, tool="get_order")
    log.proposes("shop.credit", credit={"usd": 200})
    log.proposes("shop.credit", credit={"usd": 1})
    assert log.fold(rules()).verdicts == [ALLOW, ALLOW, ALLOW, ALLOW, BLOCK]


def test_a_namespaced_spelling_of_the_tool_counts_too() -> None:
    log = Log()
    refunds(log, 300)
    refunds(log, 201, tool="other.Issue-Refund")
    assert log.fold(rules()).verdicts == [ALLOW, BLOCK]


def test_other_conversations_do_not_count() -> None:
    log = Log()
    refunds(log, 300)
    log.conversation = "conv-2"
    refunds(log, 300)
    assert log.fold(rules()).verdicts == [ALLOW, ALLOW]


def test_a_second_agent_and_a_second_execution_share_the_sum() -> None:
    log = Log()
    refunds(log, 300)
    log.agent = "other"
    log.event("action.proposed", execution_id="second", action_id="b", tool="issue_refund", arguments={"amount": 300})
    assert log.fold(rules()).verdicts == [ALLOW, BLOCK]


def test_an_error_makes_room_again_but_not_twice_and_not_after_ok() -> None:
    log = Log()
    (one, first), (two, second) = refunds(log, 250, 250)
    log.executes("issue_refund", one, status="error", **first)
    log.executes("issue_refund", two, {"ok": True}, **second)
    log.executes("issue_refund", two, status="error", **second)
    refunds(log, 251, 250)
    fired = [[one["rule_id"] for one in found["reasons"]] for found in log.fold(rules()).decisions]
    assert ["split" in found for found in fired] == [False, False, True, False]


def test_an_error_of_another_call_under_the_same_id_makes_no_room() -> None:
    log = Log()
    ((action, _),) = refunds(log, 450)
    log.executes("issue_refund", action, status="error", order_id="X", amount=1)
    refunds(log, 100)
    assert log.fold(rules(more="action: block, on_block: refuse")).verdicts[1] == BLOCK


def test_what_ran_without_a_decision_counts() -> None:
    log = Log(agent="imported")
    log.event(
        "action.executed", action_id="x", tool="issue_refund", arguments={"amount": 450}, status="ok", recorded=True
    )
    log.event(
        "action.executed", action_id="y", tool="issue_refund", arguments={"amount": 450}, status="error", recorded=True
    )
    refunds(log, 50, 1)
    assert log.fold(rules()).verdicts == [ALLOW, BLOCK]


def test_what_may_have_run_counts_once_also_when_it_is_known_later() -> None:
    log = Log()
    ((action, arguments),) = refunds(log, 300)
    for status in ("unknown", "ok"):
        log.executes("issue_refund", action, None, status, **arguments)
    refunds(log, 200, 1)
    assert log.fold(rules()).verdicts == [ALLOW, ALLOW, BLOCK]


def test_what_ran_though_it_was_blocked_counts() -> None:
    log = Log()
    ((action, arguments),) = refunds(log, 501)
    log.executes("issue_refund", action, {"ok": True}, **arguments)
    refunds(log, 1)
    assert "split" in [one["rule_id"] for one in log.fold(rules()).decisions[-1]["reasons"]]


def test_one_permission_that_is_used_twice_counts_twice() -> None:
    log = Log()
    ((action, arguments),) = refunds(log, 250)
    for _ in range(2):
        log.executes("issue_refund", action, {"ok": len(log.records)}, **arguments)
    refunds(log, 1)
    assert evidence_of_split(log.fold(rules()))["value"] == 501


def evidence_of_split(outcome: Outcome) -> dict[str, Any]:
    found = [one for one in outcome.decisions[-1]["reasons"] if one["rule_id"] == "split"]
    return dict(found[0]["evidence"])


def test_a_repeat_counts_once() -> None:
    log = Log()
    for _ in range(9):
        log.proposes("issue_refund", "a", event_id="same", amount=300)
    refunds(log, 200, 1)
    assert log.fold(rules()).verdicts == [ALLOW] * 9 + [ALLOW, BLOCK]


@pytest.mark.parametrize(("seconds", "verdict"), [(86_400 - 1, BLOCK), (86_400 + 1, ALLOW)])
def test_the_window_goes_by_the_time_of_the_log(seconds: int, verdict: str) -> None:
    log = Log()
    refunds(log, 300)
    log.wait(seconds - 1)
    refunds(log, 300)
    assert log.fold(rules()).verdicts == [ALLOW, verdict]


def test_a_count_is_of_actions_whatever_their_amount() -> None:
    log = Log()
    refunds(log, 1, "x", 1)
    log.proposes("issue_refund")
    outcome = log.fold(rules(COUNT))
    assert outcome.verdicts == [ALLOW, ALLOW, ALLOW, BLOCK]
    assert evidence(outcome)["value"] == 4


ODD: tuple[Any, ...] = ("99 USD", "$99", None, True, [99], {"usd": 99}, -1, "-0.01", str(10**18), "1e30", "1e-40")


@pytest.mark.parametrize("amount", ODD)
@pytest.mark.parametrize("action", ["block", "require_approval"])
def test_what_cannot_be_added_fails_closed(amount: Any, action: str) -> None:
    log = Log()
    refunds(log, amount)
    outcome = log.fold(rules(more=f"action: {action}"))
    assert outcome.verdicts == [action]
    assert evidence(outcome)["unknown"] == "not comparable"


def test_an_amount_that_is_not_there_fails_closed_unless_the_rule_says_otherwise() -> None:
    log = Log()
    log.proposes("issue_refund", order_id="A")
    assert evidence(log.fold(rules()))["unknown"] == "missing"
    assert log.fold(rules(more="action: block, on_missing: skip")).verdicts == [ALLOW]


def test_what_could_not_be_added_and_ran_leaves_the_sum_unknown_for_the_window() -> None:
    log = Log(agent="imported")
    arguments = {"amount": "all of it"}
    log.event("action.executed", action_id="x", tool="issue_refund", arguments=arguments, status="ok", recorded=True)
    refunds(log, 1)
    outcome = log.fold(rules())
    assert outcome.verdicts == [BLOCK]
    assert evidence(outcome)["why"] == "the refund_usd at offset 0 cannot be added"
    log.wait(86_400)
    refunds(log, 1)
    assert log.fold(rules()).verdicts == [BLOCK, ALLOW]


def test_less_than_nothing_makes_no_room() -> None:
    log = Log()
    refunds(log, 500, -400, 400)
    assert log.fold(rules()).verdicts == [ALLOW, BLOCK, BLOCK]


def test_an_allow_needs_to_know() -> None:
    log = Log()
    refunds(log, "x")
    few = SUM.replace("greater_than", "less_than")
    assert log.fold(rules(few, "action: allow")).decisions[0]["reasons"] == []


APPROVE = "{id: ask, condition: {field: refund_usd, operator: greater_than, value: 100}, action: require_approval}"


def test_what_waits_counts_when_it_is_released_and_only_then() -> None:
    log = Log()
    refunds(log, 300, 99)
    waits = log.fold(rules(SUM, "action: block", APPROVE)).handoffs[-1]
    log.resolves(waits, "approved")
    refunds(log, 99, 99)
    outcome = log.fold(rules(SUM, "action: block", APPROVE))
    assert outcome.verdicts == ["require_approval", ALLOW, ALLOW, ALLOW, BLOCK]
    released = outcome.decisions[2]
    assert (released["kind"], [one["rule_id"] for one in released["reasons"]]) == ("release", [None])
    assert evidence_of_split(outcome)["value"] == 300 + 99 * 3


def test_a_release_is_judged_anew_and_the_action_that_waits_counts_once() -> None:
    log = Log()
    refunds(log, 300)
    waits = log.fold(rules(SUM, "action: block", APPROVE)).handoffs[-1]
    refunds(log, 100, 100)  # 500 with the one that waits
    log.resolves(waits, "approved")
    assert log.fold(rules(SUM, "action: block", APPROVE)).verdicts[-1] == ALLOW
    late = Log()
    refunds(late, 300)
    refunds(late, 100, 100, 1)
    late.resolves(waits, "approved")
    outcome = late.fold(rules(SUM, "action: block", APPROVE))
    assert outcome.verdicts == ["require_approval", ALLOW, ALLOW, ALLOW, BLOCK]
    assert evidence_of_split(outcome)["value"] == 501


def test_a_denied_action_does_not_count() -> None:
    log = Log()
    refunds(log, 450)
    waits = log.fold(rules(SUM, "action: block", APPROVE)).handoffs[-1]
    log.resolves(waits, "denied")
    refunds(log, 99)
    assert log.fold(rules(SUM, "action: block", APPROVE)).verdicts[-1] == ALLOW


def test_beyond_the_bound_it_fails_closed_until_the_window_has_passed() -> None:
    log = Log()
    refunds(log, *[1] * COUNTED_MAX)
    large = rules(SUM.replace("500", "100000"))
    refunds(log, 1)  # this one makes the oldest leave
    refunds(log, 1)
    outcome = log.fold(large, 50)
    assert outcome.verdicts == [ALLOW] * (COUNTED_MAX + 1) + [BLOCK]
    assert evidence(outcome)["why"] == "more actions than are remembered lie within 24h"
    log.wait(86_400)
    refunds(log, 1)
    assert log.fold(large, 50).verdicts[-1] == ALLOW


def test_the_head_stays_small_and_a_bundle_without_sums_keeps_nothing() -> None:
    log = Log()
    refunds(log, *[Decimal("123456789012.123456").__str__()] * (COUNTED_MAX + 10))
    of = rules(SUM.replace("500", "1e17"))
    for with_sums in (True, False):
        used = of if with_sums else rules("{field: refund_usd, operator: less_than, value: 0}")
        fold = PartitionFold(0, None, {used.ruleset: used}, used.ruleset)
        fold.fold(log.records)
        (name, head, _), *_ = fold.memory.sizes()
        case = fold.memory.conversation(name)
        assert case is not None
        assert (SUMS in case.head.parts) is with_sums
        assert head < 1_200


def test_joined_with_others_and_in_shadow() -> None:
    log = Log()
    refunds(log, 300, 300)
    both = f"{{all: [{SUM}, {{field: customer.tier, operator: equals, value: gold}}]}}"
    assert log.fold(rules(both, "action: block, applies_to: {tools: [issue_refund]}")).verdicts == [ALLOW, BLOCK]
    shadow = log.fold(rules(SUM, "action: block, mode: shadow"))
    assert shadow.verdicts == [ALLOW, ALLOW]
    assert evidence(shadow)["value"] == 600


@pytest.mark.parametrize(
    ("condition", "mistake"),
    [
        (SUM.replace("conversation", "customer"), "condition.by: customer comes with a later version"),
        (SUM.replace("conversation", "agent"), 'condition.by: must be conversation, got "agent"'),
        (SUM.replace("24h", "1 day"), "condition.over: must be a time such as 30m, 24h or 7d"),
        (SUM.replace("24h", "31d"), "condition.over: must be a time such as 30m, 24h or 7d, at most 30d"),
        (SUM.replace("over: 24h, ", ""), "condition.over: is missing: write the time that counts"),
        (SUM.replace("greater_than", "contains"), 'condition.operator: "contains" compares no numbers'),
        (SUM.replace("value: 500", "value: lots"), 'condition.value: must be a number, got "lots"'),
        (SUM.replace("refund_usd", "refund_us"), "condition.sum: refund_us is a field of no tool"),
        (SUM.replace("sum: refund_usd", "sum: refund_usd, count: refund_usd"), "condition.count: stands beside sum"),
        (SUM.replace("sum: refund_usd", "sum: refund_usd, field: x"), "condition.field: is not known here"),
        ("{field: x, over: 24h, operator: max_value, value: 1}", "condition.over: belongs to sum or count"),
    ],
)
def test_a_mistake_says_what_to_write(condition: str, mistake: str) -> None:
    with pytest.raises(PolicyErrors) as refused:
        rules(condition)
    assert mistake in str(refused.value)


def test_a_sum_is_of_proposed_actions() -> None:
    with pytest.raises(PolicyErrors) as refused:
        rules(SUM, "action: block, applies_to: {events: [response.proposed]}")
    assert "is of proposed actions alone" in str(refused.value)
