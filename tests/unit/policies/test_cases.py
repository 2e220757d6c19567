"""The policy language, case by case."""

from typing import Any

import pytest

from handrail.policies.operators import OPERATORS
from handrail.schemas.errors import PolicyErrors
from tests.unit.policies.cases import action, cases, compiled, subject

CLOUD = """
id: p
rules:
  default_action: allow
  rules: [{{id: r, condition: {{field: field, operator: {operator}, value: {value}}}, action: block}}]
"""
LOCAL = """
version: 1
default_action: allow
actions:
  tool_call:
    policies: [{{name: r, parameter: field, operator: {operator}, value: {value}, action: block}}]
"""


@pytest.mark.parametrize("case", [*cases("combining"), *cases("names")])
def test_case(case: dict[str, Any]) -> None:
    judged = compiled(case["policy"], case.get("files")).evaluate(subject(case["input"]))
    assert action(judged) == case["want_action"]
    if "want_rules" in case:
        assert [f"{each.policy_id}/{each.rule_id}" for each in judged.findings] == case["want_rules"]
    assert [f"{each.policy_id}/{each.rule_id} {each.field}" for each in judged.skipped] == case.get("want_skipped", [])
    if "want_evidence" in case:
        assert judged.findings[0].evidence == case["want_evidence"]
    if "want_messages" in case:
        assert [each.message for each in judged.findings] == case["want_messages"]
    if "want_customer_message" in case:
        assert judged.findings[0].customer_message == case["want_customer_message"]


@pytest.mark.parametrize("shape", [CLOUD, LOCAL], ids=["cloud", "local"])
@pytest.mark.parametrize("case", cases("operators"))
def test_operator(case: dict[str, Any], shape: str) -> None:
    judge = compiled(shape.format(operator=case["operator"], value=_flow(case["value"]))).evaluate
    for wanted in ("holds", "fails", "unknown"):
        for value in case[wanted]:
            findings = judge(subject({"arguments": {"field": value}})).findings
            outcome = findings[0].evidence.get("unknown", "holds") if findings else "fails"
            assert outcome.replace("not comparable", "unknown") == wanted, value


def test_every_operator_has_a_case() -> None:
    assert {case.values[0]["operator"] for case in cases("operators")} == {*OPERATORS, "exists"}


def _flow(value: Any) -> str:
    """A threshold as YAML; texts in quotes, so that they stay texts."""
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


@pytest.mark.parametrize("case", cases("refused"))
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PolicyErrors) as refused:
        compiled(case["policy"], case.get("files"))
    assert [str(mistake) for mistake in refused.value.mistakes] == case["want_mistakes"]
