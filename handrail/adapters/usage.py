"""What a call of a model used and cost, as the contract takes it. Frameworks give zeros where they know nothing."""

import asyncio
import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from handrail.client import Agent, HandrailError

log = logging.getLogger("handrail.adapters")

Usage = dict[str, int]
NOTHING: Usage = {"input_tokens": 0, "output_tokens": 0}
PICO_USD = Decimal("1e-12")  # the contract's smallest amount
_TIMED_OUT = (408, 499)  # the model's work until then is paid


def known_usage(
    input_tokens: int | None, output_tokens: int | None, cached_input_tokens: int | None = 0
) -> Usage | None:
    """The usage, or None where it is unknown: no call of a model has no input."""
    if not input_tokens or output_tokens is None:
        return None
    tokens = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return tokens | {"cached_input_tokens": cached_input_tokens or 0}


def usage_of_failure(error: object) -> Usage | None:
    """Nothing where the model's server refused the request by an HTTP status; unknown for any other failure."""
    status = getattr(error, "status_code", None)
    refused = isinstance(status, int) and 400 <= status < 500 and status not in _TIMED_OUT
    return NOTHING if refused else None


def usd(cost: float) -> Decimal:
    """A framework's cost in USD, a binary fraction, to the contract's twelve decimals; nothing below zero."""
    return max(Decimal(0), Decimal(str(cost)).quantize(PICO_USD))


async def report_failure(
    agent: Agent, model: str | Mapping[str, Any], error: BaseException | str, **fields: Any
) -> None:
    """Report a call that ended by the error, even when the caller is cancelled; its usage is mostly unknown.

    A report that fails is logged, since the error itself is on its way to the caller.
    """
    description = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    report = _report(agent, model, usage_of_failure(error), error=description, **fields)
    await asyncio.shield(agent._run_to_end(report))


async def _report(agent: Agent, model: str | Mapping[str, Any], usage: Usage | None, **fields: Any) -> None:
    try:
        await agent.llm(model, usage, **fields)
    except HandrailError as unrecorded:
        log.error("%s", unrecorded)
