"""Rules on the usage: its costs are exact decimals, which JSON does not have."""

import pytest

from tests.bundles import bundle
from tests.log import Log

RULE = "id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {{id: r, condition: {}, action: block}}\n"
CONDITIONS = {
    "usage": (
        "{field: usage, operator: exists, value: true}",
        {"steps": 1, "cost_usd": "0.600000000000", "loop_run": 1},
    ),
    "usage.cost_usd": ("{field: usage.cost_usd, operator: greater_than, value: 0.5}", "0.600000000000"),
    "cost_usd": ('{field: cost_usd, operator: in_list, value: ["0.6"]}', "0.600000000000"),
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
