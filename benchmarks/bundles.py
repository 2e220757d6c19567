"""The policies that benchmarks decide with."""

from pathlib import Path

RULE = "    - {{id: r{n}, condition: {{field: {field}, operator: {operator}, value: {value}}}, action: {action}}}\n"
FIELDS = (
    *(("amount", "greater_than", 500 + n) for n in range(5)),
    ("reason", "contains", "secret"),
    ("order_id", "equals", "none"),
    ("amount", "less_than", 0),
    ("tool", "in_list", "[drop_table, shell]"),
    ("cost_usd", "greater_than", 9),
)


def write_ten_rules(folder: Path) -> None:
    """Ten rules in one policy; none of them blocks what the benchmarks propose."""
    rules = "".join(
        RULE.format(n=n, field=field, operator=operator, value=value, action="block")
        for n, (field, operator, value) in enumerate(FIELDS)
    )
    (folder / "ten.yaml").write_text(f"id: ten\nname: Ten\nrules:\n  default_action: allow\n  rules:\n{rules}")
    (folder / "tools.yaml").write_text("tools:\n  refund: {effect: write}\n  get_order: {effect: read}\n")
