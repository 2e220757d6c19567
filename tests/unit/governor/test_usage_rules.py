"""Rules on the usage: its costs are exact decimals, which JSON does not have."""

import pytest

from tests.bundles import bundle
from tests.log import Log

RULE = "id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {{id: r, condition: {}, action: block}}\n"
CONDITIONS = {
    "usage": (
        "{field: usage, operator: exists, value: true}",
        {
            "steps": 1,
            "steps_max": 100,
            "cost_usd": "0.600000000000",
            "cost_usd_max": "10.000000000000",
            "unpriced_tokens": 0,
            "unknown_calls": 0,
            "loop_run": 1,
            "loop_max": 3,
        },
    ),
    "usage.cost_usd": ("{field: usage.cost_usd, operator: greater_than, value: 0.5}", "0.600000000000"),
    "cost_usd": ('{field: cost_usd, operator: in_list, value: ["0.6"]}', "0.600000000000"),
    "usage.cost_usd_max": ("{field: cost_usd_max, operator: equals, value: 10}", "10.000000000000"),
    "usage.steps_max": ("{field: steps_max, operator: less_than, value: 101}", 100),
    "usage.loop_max": ("{field: usage.loop_max, operator: equals, value: 3}", 3),
    "usage.unpriced_tokens": ("{field: unpriced_tokens, operator: less_than, value: 1}", 0),
    "usage.steps": ("{field: usage.steps, operator: less_than, value: 9}", 1),
}


@pytest.mark.parametrize("field", CONDITIONS)
def test_a_rule_on_the_usage_shows_what_it_found(field: str) -> None:
    condition, value = CONDITIONS[field]
    log = Log()
    log.spends("0.6")
    log.proposes("get_order", order_id=1)
    outcome = log.fold(bundle(p=RULE.format(condition)))
    assert outcome.verdicts == ["block"]
    assert outcome.decisions[-1]["reasons"][0]["evidence"]["value"] == value
