"""The same call again and again, whose results differ each time in what says nothing: an id, an address, a time."""

from typing import Any
from uuid import UUID

import pytest

from handrail.policies import Bundle
from handrail.schemas.errors import PolicyErrors
from tests.bundles import bundle
from tests.log import Log, Outcome

OFTEN = 10
READS = "tools: {get_order: {effect: read}, shop.track: {effect: read}, note: {effect: write}}"


def reply(kind: str, number: int) -> Any:
    """A result that is new each time."""
    at = 1_764_000_000 + number
    return {
        "id": {"order": 1, "request_id": UUID(int=number).hex},
        "deep": {"order": {"lines": [{"sku": 1, "seen": at}]}},
        "time": f"order 1, read at {at}",
        "address": f"order at 0x7f{number:010x}",  # it could mean something
        "count": number,
    }[kind]


def loops(kind: str, times: int, tool: str = "get_order", of: Bundle | None = None, batch: int = 7) -> Outcome:
    log = Log()
    for number in range(times):
        log.does(tool, reply(kind, number), order_id="A-1")
    return log.fold(of or bundle(tools=READS), batch)


@pytest.mark.parametrize("tool", ["get_order", "shop.track", "note", "unlisted"])
@pytest.mark.parametrize("kind", ["id", "deep", "time", "address", "count"])
def test_the_tenth_equal_call_is_blocked_and_the_next_halts_whatever_came_back(kind: str, tool: str) -> None:
    outcome = loops(kind, 60, tool)
    assert outcome.verdicts[:11] == ["allow"] * 9 + ["block", "halt"]
    (reason,) = outcome.decisions[9]["reasons"]
    assert reason["code"] == "loop.repeat"
    assert "10th time" in reason["message"]
    assert "whatever" in reason["message"]
    assert reason["evidence"] == {"tool": tool, "value": OFTEN, "threshold": OFTEN, "field": "equal_calls"}


@pytest.mark.parametrize(
    "template",
    ["<Order object at 0x7f{:010x}>", "[<Order at 0x{:x}>, 1]", "<bound method A.b of <A object at 0x{:X}>>"],
)
@pytest.mark.parametrize("inside", [False, True])
def test_where_an_object_lay_makes_no_difference(template: str, inside: bool) -> None:
    log = Log()
    for number in range(1_000, 1_004):
        text = template.format(number)
        log.does("get_order", {"order": [text]} if inside else text, order_id="A-1")
    assert log.fold(bundle(tools=READS)).verdicts == ["allow", "allow", "block", "halt"]


def test_two_calls_that_take_turns_are_caught_as_well() -> None:
    log = Log()
    for number in range(30):
        log.does("get_order", reply("id", number), order_id=f"A-{number % 2}")
    assert log.fold(bundle(tools=READS)).verdicts.index("block") == 18


def test_the_net_holds_nothing_that_moves() -> None:
    log = Log()
    for number in range(60):
        log.does("get_order", reply("id", number), order_id=f"A-{number}")
    assert set(log.fold(bundle(tools=READS)).verdicts) == {"allow"}


def test_a_write_in_between_starts_the_look_ups_anew() -> None:
    log = Log()
    for number in range(40):
        log.does("get_order", reply("id", number), order_id="A-1")
        if number % 4 == 3:
            log.does("note", "ok", text=f"note {number}")
    assert set(log.fold(bundle(tools=READS)).verdicts) == {"allow"}


@pytest.mark.parametrize(("most", "block"), [(2, 1), (5, 4), (60, 59)])
def test_limits_say_how_often(most: int, block: int) -> None:
    of = bundle(tools=READS, limits=f"default: {{equal_calls_max: {most}}}")
    assert loops("id", 70, of=of).verdicts.index("block") == block


def test_a_higher_number_of_iterations_lifts_no_net_and_is_named_by_its_own_limit() -> None:
    of = bundle(tools=READS, limits="default: {loop_iterations: 6}")
    log = Log()
    for _ in range(8):
        log.does("get_order", "the same", order_id="A-1")
    outcome = log.fold(of)
    assert outcome.verdicts[5] == "block"
    assert outcome.decisions[5]["reasons"][0]["evidence"]["threshold"] == 6
    assert len(outcome.decisions[5]["reasons"]) == 1


@pytest.mark.parametrize(
    "of", ["loop_iterations: 256", "loop_iterations: 1000", "equal_calls_max: 1", "equal_calls_max: 256"]
)
def test_a_limit_that_is_never_reached_is_refused(of: str) -> None:
    with pytest.raises(PolicyErrors, match="255"):
        bundle(limits=f"default: {{{of}}}")


# --- fields that tools.yaml leaves out


def volatile(*names: str, tool: str = "get_order") -> Bundle:
    return bundle(tools=f"tools: {{{tool}: {{effect: read, volatile: [{', '.join(names)}]}}}}")


@pytest.mark.parametrize(
    ("kind", "names", "tool"),
    [
        ("id", ["request_id"], "get_order"),
        ("id", ["request_id"], "crm.get_order"),
        ("id", ["request_id"], "Get-Order"),
        ("deep", ["seen"], "get_order"),
        ("deep", ["lines.seen"], "get_order"),
        ("deep", ["order.lines.seen"], "get_order"),
        ("deep", ["nothing", "seen"], "get_order"),
    ],
)
def test_what_is_left_out_makes_no_difference(kind: str, names: list[str], tool: str) -> None:
    outcome = loops(kind, 4, tool, volatile(*names))
    assert outcome.verdicts == ["allow", "allow", "block", "halt"]
    assert "without anything having changed" in outcome.decisions[2]["reasons"][0]["message"]


@pytest.mark.parametrize("names", [["order.seen"], ["see"], ["lines"[:-1]], ["seen.at"], ["Seen"]])
def test_what_is_not_left_out_makes_one(names: list[str]) -> None:
    assert loops("deep", 4, "get_order", volatile(*names)).verdicts == ["allow"] * 4


def test_what_is_left_out_of_a_text_that_is_json() -> None:
    log = Log()
    for number in range(4):
        log.does("get_order", f'{{"order": 1, "request_id": "{number}"}}', order_id="A-1")
    assert log.fold(volatile("request_id")).verdicts == ["allow", "allow", "block", "halt"]


def test_another_field_that_changes_is_a_change() -> None:
    log = Log()
    for number in range(6):
        log.does("get_order", {"status": f"s{number}", "request_id": number}, order_id="A-1")
    assert set(log.fold(volatile("request_id")).verdicts) == {"allow"}


def test_a_failure_is_another_result_than_a_success() -> None:
    log = Log()
    for number in range(6):
        name = log.proposes("get_order", order_id="A-1")
        log.executes("get_order", name, {"request_id": number}, ("ok", "error")[number % 2], order_id="A-1")
    assert set(log.fold(volatile("request_id")).verdicts) == {"allow"}


def test_what_is_left_out_of_the_comparison_stays_in_facts_and_handoffs() -> None:
    tools = (
        "tools: {get_order: {effect: read, volatile: [total]}, "
        "refund: {effect: write, facts: {order_total: results.get_order.total}}}"
    )
    rule = "{id: r, condition: {field: order_total, operator: greater_than, value: 50}, action: block}"
    of = bundle(tools=tools, p=f"id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {rule}\n")
    log = Log()
    log.does("get_order", {"total": 90}, order_id="A-1")
    log.proposes("refund", amount=1)
    outcome = log.fold(of)
    assert outcome.verdicts == ["allow", "block"]
    assert outcome.handoffs[0]["attempts"][0]["result"] == {"total": 90}


@pytest.mark.parametrize("bad", ["[7]", "[a b]", "['']", "{a: b}", "[results..x]"])
def test_names_that_are_none_are_refused_in_one_line(bad: str) -> None:
    with pytest.raises(PolicyErrors, match=r"tools\.get_order\.volatile"):
        bundle(tools=f"tools: {{get_order: {{volatile: {bad}}}}}")
