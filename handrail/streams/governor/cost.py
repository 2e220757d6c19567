"""What one LLM call cost: the recorded amount, else tokens at list price; an unknown model is never free."""

from collections.abc import Mapping
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.money import to_pico


def of_call(bundle: Bundle, data: Mapping[str, Any]) -> tuple[int, int]:
    """(cost in pico-dollars, tokens without a price) of an `llm.completed`.

    A recorded `cost_usd` above zero is the invoice and wins. Cached input tokens are part of the input tokens.
    """
    recorded = data.get("cost_usd")
    if recorded is not None and (pico := to_pico(recorded)) > 0:
        return pico, 0
    usage = data.get("usage") or {}
    tokens_in, tokens_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    cached = min(usage.get("cached_input_tokens") or 0, tokens_in)
    model = data.get("model") or {}
    price = bundle.price(model.get("served") or model.get("name") or "", model.get("provider"))
    if price is None:
        return 0, tokens_in + tokens_out
    return (tokens_in - cached) * price.input + cached * price.cached_input + tokens_out * price.output, 0
