"""The last net under `loop.repeat`: the same call too often, whatever its results were.

A result that holds an id, an address or a time is new each time, and starts the count of repeat.py anew; this one goes
on until the count of the call is forgotten.
"""

from handrail.streams.governor import repeat
from handrail.streams.governor.call import ActionCall
from handrail.streams.governor.finding import BLOCK, HALT, Finding
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.text import ordinal


def observe(context: FoldContext, call: ActionCall) -> Finding | None:
    """Of the call that was counted last: blocked when it comes that often, halted when it comes again."""
    most, came = context.limits.equal_calls_max, repeat.often(context.execution.calls)
    if came < most:
        return None
    message = f"The same call of {call.named} comes for the {ordinal(came)} time, whatever its results were."
    evidence = {"field": "equal_calls", "tool": call.named, "value": came, "threshold": most}
    return Finding("loop.repeat", BLOCK if came == most else HALT, message, evidence, escalate=False)
