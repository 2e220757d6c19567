"""How long a judgement takes: 10 rules on one action, of which one fires.

    python benchmarks/policy_eval.py [REPEATS]

Prints microseconds for each judgement: the best and the median of several rounds, in one process on one core.
"""

import statistics
import sys
from time import perf_counter

from handrail.policies import Subject, compile_bundle

RULES = """
id: bench
rules:
  default_action: allow
  rules:
    - {id: r0, condition: {field: refund_amount_usd, operator: greater_than, value: 100}, action: require_approval,
       message: "Refund of ${{refund_amount_usd}} needs approval"}
    - {id: r1, condition: {field: refund_amount_usd, operator: greater_than, value: 500}, action: block}
    - {id: r2, condition: {field: currency, operator: not_in_list, value: [USD, EUR]}, action: block}
    - {id: r3, condition: {field: note, operator: contains, value: password}, action: block}
    - {id: r4, condition: {field: tool, operator: equals, value: delete_account}, action: block}
    - {id: r5, condition: {field: customer.tier, operator: equals, value: blocked}, action: block}
    - {id: r6, condition: {field: cost_usd, operator: greater_than, value: 5}, action: require_approval}
    - {id: r7, condition: {field: reason, operator: equals, value: goodwill}, action: require_approval}
    - {id: r8, condition: {field: quantity, operator: between, value: [100, 100000]}, action: block}
    - {id: r9, condition: {all: [{field: risk, operator: equals, value: high},
                                 {field: refund_amount_usd, operator: greater_than, value: 50}]}, action: block}
"""
ABOVE = "    - {{id: n{0}, condition: {{field: amount, operator: greater_than, value: {1}}}, action: block}}\n"
NUMERIC = "id: numeric\nrules:\n  default_action: allow\n  rules:\n" + "".join(
    ABOVE.format(index, 100 + 100 * index) for index in range(10)
)
TOOLS = "tools: {refund: {effect: write, fields: {refund_amount_usd: arguments.amount}}}"


def subject() -> Subject:
    """A refund of 150 USD, as the governor hands it over."""
    return Subject(
        event_type="handrail.action.proposed.v1",
        kind="action",
        tenant="default",
        agent_id="refunds",
        tool="refund",
        arguments={"amount": 150, "currency": "USD", "note": "late", "reason": "damaged", "quantity": 1},
        customer={"ref": "cust-17", "tier": "gold"},
        usage={"steps": 3, "cost_usd": "0.0412"},
        classification={"intent": "refund_request", "risk": "medium"},
    )


def measure(policy: str, repeats: int, rounds: int = 9) -> tuple[float, float]:
    """Best and median microseconds of a judgement."""
    files = {"bench.yaml": policy, "tools.yaml": TOOLS}
    judge = compile_bundle({"semantics": 1, "files": files}).evaluate
    proposal = subject()
    assert len(judge(proposal).findings) == 1
    took = []
    for _ in range(rounds):
        begin = perf_counter()
        for _ in range(repeats):
            judge(proposal)
        took.append((perf_counter() - begin) / repeats * 1e6)
    return min(took), statistics.median(took)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for name, policy in (("10 rules of all kinds", RULES), ("10 numeric rules", NUMERIC)):
        best, median = measure(policy, repeats)
        print(f"{name}, one fires: {best:.2f} us best, {median:.2f} us median")


if __name__ == "__main__":
    main()
