"""Tokens at list price against the cost that was recorded."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from benchmarks.report.conversations import Conversation
from benchmarks.report.tables import table
from handrail.policies import load_bundle
from handrail.schemas.money import PICO
from handrail.streams.governor.cost import of_call

HEADER = (
    "recording",
    "calls",
    "input tokens",
    "output tokens",
    "recorded",
    "at list price",
    "list / recorded",
    "unpriced",
)


def section(conversations: Sequence[Conversation]) -> str:
    bundle = load_bundle(None)
    rows = []
    for name in sorted({talk.recording for talk in conversations}):
        calls = [data for talk in conversations if talk.recording == name for _, data in talk.data("llm.completed")]
        rows.append(_row(name, calls, bundle))
    return f"""\
## Cost
Handrail takes the cost that an agent reports, and the list price of the tokens where it reports none; a model without a
price is never free: its tokens are counted as unpriced. Here both, on calls that have a recorded cost; *unpriced* are
tokens of models that [prices.yaml](../handrail/policies/defaults/prices.yaml) does not list.

{table(HEADER, rows)}
`–`: nothing recorded to compare. Recorded costs of OpenAI models are below the list price because part of their input
was cached, which the recordings do not say.
"""


def _row(name: str, calls: list[dict[str, Any]], bundle: Any) -> tuple[object, ...]:
    usage = [call["usage"] for call in calls]
    recorded = sum((Decimal(call["cost_usd"]) for call in calls if "cost_usd" in call), Decimal(0))
    priced = [of_call(bundle, {key: value for key, value in call.items() if key != "cost_usd"}) for call in calls]
    listed = Decimal(sum(cost.pico for cost, call in zip(priced, calls, strict=True) if "cost_usd" in call)) / PICO
    return (
        name,
        f"{len(calls):,}",
        f"{sum(usage_of_call['input_tokens'] for usage_of_call in usage):,}",
        f"{sum(usage_of_call['output_tokens'] for usage_of_call in usage):,}",
        f"${recorded:.2f}" if recorded else "–",
        f"${listed:.2f}" if recorded else "–",
        f"{listed / recorded:.2f}" if recorded else "–",
        f"{sum(cost.unpriced for cost in priced):,}",
    )
