"""Loops of calls, judged on a proposal: `loop.repeat` and `loop.cycle` (the counting is in repeat.py and cycle.py)."""

from handrail.streams.governor import cycle, repeat
from handrail.streams.governor.finding import BLOCK, HALT, Finding, ordinal
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.state import Execution


def observe(context: FoldContext, call: ActionCall) -> list[Finding]:
    """Count the call; blocked when it fills a loop, halted when it comes again."""
    execution = context.execution
    limit = context.limits.loop_iterations
    execution.calls, count = repeat.observe(execution.calls, call.key)
    execution.calls_made = count
    execution.recent, period = cycle.observe(execution.recent, call.key)
    findings = []
    if count >= limit:
        message = f"The same call of {call.named} comes for the {ordinal(count)} time without anything having changed."
        evidence = {"tool": call.named, "value": count, "threshold": limit}
        findings.append(Finding("loop.repeat", BLOCK if count == limit else HALT, message, evidence, escalate=False))
    too_often = _equal_calls(context, call)
    if too_often is not None and not (findings and findings[0].verdict >= too_often.verdict):
        findings.append(too_often)
    if period:
        message = f"The same {period} calls come for the {ordinal(cycle.TIMES)} time in a row."
        evidence = {"tool": call.named, "period": period, "value": cycle.TIMES, "threshold": cycle.TIMES}
        verdict = HALT if execution.cycle_fired else BLOCK
        findings.append(Finding("loop.cycle", verdict, message, evidence, escalate=False))
        execution.cycle_fired = True
    return findings


def _equal_calls(context: FoldContext, call: ActionCall) -> Finding | None:
    """The last net under `loop.repeat`: the same call too often, whatever its results were.

    A result that holds an id, an address or a time is new each time, and restarts the count of repeat.py. This count
    goes on until the call itself is forgotten.
    """
    most, came = context.limits.equal_calls_max, repeat.often(context.execution.calls)
    if came < most:
        return None
    message = f"The same call of {call.named} comes for the {ordinal(came)} time, whatever its results were."
    evidence = {"field": "equal_calls", "tool": call.named, "value": came, "threshold": most}
    return Finding("loop.repeat", BLOCK if came == most else HALT, message, evidence, escalate=False)


def happened(context: FoldContext, call: ActionCall, succeeded: bool, digest: bytes) -> None:
    """After an execution: a changed result or a successful write begins the counts anew."""
    execution = context.execution
    execution.calls, changed = repeat.result(execution.calls, call.key, digest)
    wrote = succeeded and call.effect == "write"
    if wrote:
        execution.calls = repeat.written(execution.calls, call.key)
    if wrote or changed:
        execution.recent, execution.cycle_fired = b"", False


def customer_came(context: FoldContext) -> None:
    """Restart all counts, since the customer asked or changed something."""
    for execution in context.conversation.head.executions:
        forget(execution)


def forget(execution: Execution) -> None:
    """Restart the counts of its calls."""
    if execution.calls or execution.recent:
        execution.calls, execution.recent, execution.cycle_fired = b"", b"", False
