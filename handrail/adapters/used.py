"""What a call of a model used, as frameworks say it: they fill in zeros where they were told nothing."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from handrail.client import Agent, HandrailError

log = logging.getLogger("handrail.adapters")

Used = dict[str, int]
NOTHING: Used = {"input_tokens": 0, "output_tokens": 0}
_TIMED_OUT = (408, 499)  # what the model did by then is paid


def used(input_tokens: int | None, output_tokens: int | None, cached_input_tokens: int | None = 0) -> Used | None:
    """The usage, or None, which is unknown: no call of a model has no input."""
    if not input_tokens or output_tokens is None:
        return None
    found = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return found | {"cached_input_tokens": cached_input_tokens or 0}


def used_by_failure(error: object) -> Used | None:
    """Nothing where the model's server refused the request by an HTTP status; of any other failure it is unknown."""
    status = getattr(error, "status_code", None)
    refused = isinstance(status, int) and 400 <= status < 500 and status not in _TIMED_OUT
    return NOTHING if refused else None


async def tell_left(agent: Agent, model: str | Mapping[str, Any], error: BaseException | str, **told: Any) -> None:
    """Tell of a call that ended by the error, whoever stops waiting for it; what it used is mostly unknown.

    What cannot be told is logged, since the error itself is on its way to the caller.
    """
    said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    await asyncio.shield(agent._run_to_end(_tell(agent, model, used_by_failure(error), error=said, **told)))


async def _tell(agent: Agent, model: str | Mapping[str, Any], usage: Used | None, **told: Any) -> None:
    try:
        await agent.llm(model, usage, **told)
    except HandrailError as unrecorded:
        log.error("%s", unrecorded)
