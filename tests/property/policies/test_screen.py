"""The screen leaves out only rules that are surely no: whatever it says, asking every rule says too."""

import random
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from handrail.policies import Subject
from handrail.policies.evaluation import Evaluator
from handrail.policies.operators import OPERATORS
from handrail.policies.parts import read_parts
from handrail.streams.governor.decision import usd

PROPOSED, QUERY = "handrail.action.proposed.v1", "handrail.query.received.v1"
TOOLS = """
tools:
  refund: {effect: write, fields: {amount_usd: arguments.amount, paid: arguments.order.total}}
  shop.get_order: {effect: read}
"""
# As a policy has them: numbers with a point are exact decimals there.
THRESHOLDS = (
    "5", "0", "-1", "500", "0.5", "-0.0", "1.50", "1E+2", "1e5", "1e-7", "0.1234567890123456789", "9007199254740993",
    "9007199254740992", "1152921504606846980", "1e30", "1e-400", "0.9999999999999999999999999999999999999", "9",
    "10.000000000001", "10.0000000000001", "999999.5", "1000000", '"5"', '" 5 "', '"0.50"', '"1e5"', '"1e999999"',
    '"x"', '"SS"', '"ß"', '"İ"', '"ſ"', '"drop_table"', '"Refund"', '"shop.get_order"', '"None"', '"\\n"', '"{kind}"',
    "true", "false", "no", "[5, x]", "[5]", "[0.5, 1E+2]", "[a, b]", '["5"]', "[true]", "[1, 10]", "[refund, shell]",
    '["İ", "ß"]',
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 5, 6, -1, 499, 500, 501, 10**18, -(10**30), 10**400, 2**53, 2**53 + 1, 0.0, -0.0, 0.5, 5.0,
    1e5, 1.5, 1.2, 4.999999999999999, 5.000000000000001, 499.99, -1.5, 1e300, 5e-324, float("inf"), float("nan"),
    9007199254740992.0, 9007199254740994.0, float(2**60),
    0.1234567890123456789, 9007199254740993, "5", " 5 ", "+5", "5.0", "0.50", "0.12345678901234567890", "1e5", "100000",
    "1E+2", "1e+2", "100.0", "1.50", "1.5", "x", "X", "", "ss", "SS", "ß", "İ", "i̇", "ſ", "S", "drop_table", "refund",
    "Refund", "None", "none", "true", "a\nb", "{kind}", "9007199254740993", "a", [], ["x"], [5], [["5"]], {}, {"x": 5},
    {"total": 5}, {"total": "x"}, ("x",),
)  # fmt: skip
FIELDS = (
    "amount", "reason", "arguments.amount", "arguments.reason", "amount_usd", "paid", "arguments", "order.total",
    "tool", "tool_name", "cost_usd", "usage.cost_usd", "usage", "steps", "agent_id", "effect", "customer.tier",
    "data.amount",
)  # fmt: skip
COSTS = (0, 1, 5 * 10**12, 5 * 10**12 + 1, 10**13, 10**13 + 1, 10**13 + 2, 999_999_500_000_000_000, 10**12, 10**19)


def evaluator_of(*policies: str) -> Evaluator | None:
    """None where a policy has a mistake."""
    files = {f"p{number}.yaml": text for number, text in enumerate(policies)}
    parts, mistakes = read_parts({"tools.yaml": TOOLS, **files})
    return None if any(each.entries for each in mistakes) else Evaluator(parts.policies, parts.tools)


def policy(name: str, rules: list[str], default: str = "allow", more: str = "") -> str:
    return f"id: {name}\nname: {name}\n{more}rules:\n  default_action: {default}\n  rules:\n" + "".join(rules)


def rule(name: str, condition: str, more: str = "action: block") -> str:
    return f"    - {{id: {name}, condition: {condition}, {more}}}\n"


def agreed(evaluator: Evaluator, event_type: str, tool: str | None, arguments: dict[str, Any], cost_pico: int) -> bool:
    """Whether the screen was passed; then every rule, when it was asked, said the same."""
    usage = {"steps": 3, "cost_usd": usd(cost_pico), "loop_run": 1}
    customer, data = {"tier": arguments.get("reason")}, {"amount": arguments.get("amount")}
    kind = "query" if event_type == QUERY else "action"
    subject = Subject(event_type, kind, "t", "a", tool, arguments, {}, customer, usage, {}, {}, data)
    evaluation = evaluator.evaluate(subject)
    passed = evaluator.no_rule_fires(event_type, tool, "a", "t", arguments, cost_pico)
    if passed is None:
        return False
    assert (evaluation.findings, evaluation.skipped) == ((), tuple(passed)), (tool, arguments, cost_pico)
    return True


@pytest.mark.parametrize("operator", [*OPERATORS, "exists"])
def test_of_every_operator_threshold_and_value(operator: str) -> None:
    passed = asked = 0
    for threshold, missing in product(THRESHOLDS, ("match", "skip")):
        condition = f"{{field: amount, operator: {operator}, value: {threshold}}}"
        evaluator = evaluator_of(policy("p", [rule("r", condition, f"action: block, on_missing: {missing}")]))
        if evaluator is None:
            continue
        for arguments in ({}, *({"amount": value} for value in VALUES)):
            asked += 1
            passed += agreed(evaluator, PROPOSED, "refund", arguments, 0)
    assert asked > len(VALUES)
    screened = operator not in ("between", "matches", "exists") and not operator.startswith("not_")
    assert (passed > asked / 25) is screened, (passed, asked)


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_of_every_operator_on_cost(operator: str) -> None:
    passed = 0
    for threshold, field in product(THRESHOLDS, ("cost_usd", "usage.cost_usd")):
        evaluator = evaluator_of(
            policy("p", [rule("r", f"{{field: {field}, operator: {operator}, value: {threshold}}}")])
        )
        passed += evaluator is not None and sum(agreed(evaluator, PROPOSED, "refund", {}, cost) for cost in COSTS)
    assert (passed > 0) is (operator in ("max_value", "greater_than", "requires_approval"))


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_of_every_operator_on_the_tool(operator: str) -> None:
    for threshold in THRESHOLDS:
        evaluator = evaluator_of(policy("p", [rule("r", f"{{field: tool, operator: {operator}, value: {threshold}}}")]))
        for tool in ("refund", "shop.get_order", "get_order", "drop_table", "x", "{kind}", None):
            if evaluator is not None:
                agreed(evaluator, PROPOSED, tool, {}, 0)


def conditions(dice: random.Random, depth: int = 0) -> str:
    if depth < 3 and dice.random() < 0.35:
        joined = dice.choice(("all", "any", "not"))
        if joined == "not":
            return f"{{not: {conditions(dice, depth + 1)}}}"
        return f"{{{joined}: [{', '.join(conditions(dice, depth + 1) for _ in range(dice.randint(1, 3)))}]}}"
    if dice.random() < 0.1:
        measure, limit = dice.choice(("sum", "count")), dice.choice((0, 1, 5, 500))
        return f"{{{measure}: {dice.choice(('amount_usd', 'paid'))}, over: 1h, operator: max_value, value: {limit}}}"
    operator = dice.choice([*OPERATORS, "exists"])
    value = "true" if operator == "exists" else dice.choice(THRESHOLDS)
    return f"{{field: {dice.choice(FIELDS)}, operator: {operator}, value: {value}}}"


def evaluators(dice: random.Random, count: int) -> Iterator[Evaluator]:
    """Policies of several rules, with scopes, modes and defaults of their own."""
    while count:
        policies = []
        for number in range(dice.randint(1, 2)):
            rules = [
                rule(
                    f"r{at}",
                    conditions(dice),
                    f"action: {dice.choice(('block', 'require_approval', 'allow'))}{more(dice)}",
                )
                for at in range(dice.randint(1, 4))
            ]
            default = dice.choice(("allow", "allow", "allow", "block"))
            scope = dice.choice(("", "", "applies_to: {tools: [refund]}\n", f"applies_to: {{events: [{QUERY}]}}\n"))
            policies.append(policy(f"p{number}", rules, default, scope + dice.choice(("", "", "mode: shadow\n"))))
        evaluator = evaluator_of(*policies)
        if evaluator is not None:
            count -= 1
            yield evaluator


def more(dice: random.Random) -> str:
    return dice.choice(
        ("", "", ", on_missing: skip", ", on_missing: match", ", mode: shadow", ", applies_to: {tools: [refund]}")
    )


def test_of_policies_with_conditions_in_conditions() -> None:
    dice, passed, asked = random.Random(20261129), 0, 0
    for evaluator in evaluators(dice, 1_500):
        for _ in range(20):
            arguments = {name: dice.choice(VALUES) for name in ("amount", "reason", "order") if dice.random() < 0.7}
            tool = dice.choice(("refund", "refund", "shop.get_order", "get_order", "shell", None))
            event_type = dice.choice((PROPOSED, PROPOSED, PROPOSED, QUERY))
            passed += agreed(evaluator, event_type, tool, arguments, dice.choice(COSTS))
            asked += 1
    assert passed > asked / 10, (passed, asked)


def test_what_is_passed_over_is_told_in_the_order_of_the_rules() -> None:
    names = ("b", "a", "d", "c")
    rules = [rule(f"r-{at}", f"{{field: {name}, operator: max_value, value: 5}}") for at, name in enumerate(names)]
    rules.insert(2, rule("text", "{field: a, operator: equals, value: x}"))
    evaluator = evaluator_of(policy("p", rules))
    assert evaluator is not None
    assert agreed(evaluator, PROPOSED, "refund", {}, 0)
    passed = evaluator.no_rule_fires(PROPOSED, "refund", "a", "t", {"b": 1}, 0)
    assert [skipped.rule_id for skipped in passed or ()] == ["r-1", "text", "r-2", "r-3"]


def test_a_sum_is_no_reason_to_ask_the_rules_about_tools_that_do_not_count() -> None:
    evaluator = evaluator_of(
        policy(
            "p",
            [
                rule("r", "{sum: paid, over: 1h, operator: max_value, value: 5}"),
                rule("s", "{field: amount, operator: max_value, value: 5}"),
            ],
        )
    )
    assert evaluator is not None
    assert agreed(evaluator, PROPOSED, "get_order", {}, 0)
    passed = evaluator.no_rule_fires(PROPOSED, "get_order", "a", "t", {}, 0)
    assert [skipped.rule_id for skipped in passed or ()] == ["r", "s"]
    assert not agreed(evaluator, PROPOSED, "refund", {"order": {"total": 1}, "amount": 1}, 0)


TEXTS = ('it\'s "quoted"', "a\\nb", "__import__('os').abort()", "{kind}", "{0}", "%s", "${amount}", "lambda: 1")


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_a_policy_are_values_and_nothing_else(text: str) -> None:
    """As threshold, as tool, and as the name of an argument where it can be one."""
    written = "'" + text.replace("'", "''") + "'"
    named = re.sub(r"[\s.{}\[\]]", "", text)
    field = "'arguments." + named.replace("'", "''") + "'"
    is_text = f"{{field: {field}, operator: in_list, value: [{written}]}}"
    is_tool = f"{{field: tool, operator: equals, value: {written}}}"
    has_text = f"{{field: {field}, operator: contains, value: {written}}}"
    evaluator = evaluator_of(policy("p", [rule("r", f"{{any: [{is_text}, {is_tool}]}}"), rule("c", has_text)]))
    assert evaluator is not None
    assert agreed(evaluator, PROPOSED, "refund", {named: "x"}, 0)
    assert evaluator.no_rule_fires(PROPOSED, "refund", "a", "t", {named: text}, 0) is None


def test_a_tool_whose_name_comes_once_gets_no_screen_of_its_own() -> None:
    evaluator = evaluator_of(policy("p", [rule("r", "{field: amount, operator: greater_than, value: 5}")]))
    assert evaluator is not None
    for _ in range(2):
        assert evaluator.no_rule_fires(PROPOSED, "made_up", "a", "t", {"amount": 1}, 0) is None
    assert agreed(evaluator, PROPOSED, "made_up", {"amount": 1}, 0)
