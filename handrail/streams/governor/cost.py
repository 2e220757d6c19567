"""What one LLM call cost: the amount that was told, else nothing out of a cache, else tokens at list price."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from handrail.policies import Bundle
from handrail.schemas.money import to_pico


class Cost(NamedTuple):
    """Pico-dollars, and the tokens that no price is known for; `unknown` where neither says what the call cost."""

    pico: int
    unpriced: int = 0
    unknown: bool = False


FREE, UNKNOWN = Cost(0), Cost(0, 0, True)


def of_call(bundle: Bundle, data: Mapping[str, Any]) -> Cost:
    """What an `llm.completed` says.

    A told `cost_usd` is the invoice and wins, also one of 0. Cached input tokens are part of the input tokens. A model
    without a price is never free, and neither is a call whose usage is not told.
    """
    told, usage = data.get("cost_usd"), data.get("usage")
    if told is not None:
        return Cost(to_pico(told))
    if data.get("cached"):
        return FREE
    if usage is None:
        return UNKNOWN
    tokens_in, tokens_out = usage["input_tokens"], usage["output_tokens"]
    cached = min(usage.get("cached_input_tokens") or 0, tokens_in)
    model = data.get("model") or {}
    price = bundle.price(model.get("served") or model.get("name") or "", model.get("provider"))
    if price is None:
        return Cost(0, tokens_in + tokens_out, True)
    return Cost((tokens_in - cached) * price.input + cached * price.cached_input + tokens_out * price.output)
