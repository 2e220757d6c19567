"""What a person left unfinished is a mistake, never a rule or a policy less: that would allow by accident."""

import pytest

from handrail.policies import compile_bundle
from handrail.schemas.errors import PolicyErrors

RULE = "{id: p, rules: {default_action: allow, rules: [%s]}}"
LOCAL = "{version: 1, default_action: allow, global: {policies: [%s]}}"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("policy", "{}", "rules: is missing: write rules: {default_action: allow, rules: [...]}"),
        ("policy", "{id: p, rules: {}}", "rules.default_action: is missing"),
        ("policy", RULE % "{}", "rules.rules[0].condition: is missing"),
        (
            "policy",
            RULE % "{condition: {field: null, operator: exists}, action: block}",
            "rules.rules[0].condition.field: must be text, got null",
        ),
        (
            "policy",
            RULE % "{condition: {field: a, operator: null, value: 5}, action: block}",
            "rules.rules[0].condition.operator: null is no operator",
        ),
        (
            "policy",
            RULE % "{condition: {field: a, operator: [exists]}, action: block}",
            'rules.rules[0].condition.operator: ["exists"] is no operator',
        ),
        ("policy", LOCAL % "{}", "global.policies[0].parameter: is missing"),
        (
            "policy",
            LOCAL % "{parameter: null, operator: max_value, value: 5, action: block}",
            "global.policies[0].parameter: must be text, got null",
        ),
        ("routing", "{rules: [{}]}", "rules[0].route: is missing: write ai, ai_supervised or human"),
        ("routing", "{rules: false}", "rules: must be a list of rules such as"),
    ],
)
def test_an_unfinished_part_is_a_mistake(name: str, text: str, said: str) -> None:
    with pytest.raises(PolicyErrors) as refused:
        compile_bundle({"semantics": 2, "files": {f"{name}.yaml": text}})
    assert said in str(refused.value)
