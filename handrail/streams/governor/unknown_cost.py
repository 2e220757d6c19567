"""Calls of models of which nobody told what they cost: counted beside the cost, for unknown is not zero.

They lie in a part, since nearly no head has any: how many an execution made, by its id, and under no id how many the
conversation did, those of executions that were forgotten too.
"""

from collections.abc import Mapping

from handrail.streams.governor.turn import Turn

PART = "unknown_cost"
ALL = ""


def add_one(turn: Turn) -> None:
    """One more of the turn's execution."""
    known, execution_id = _calls(turn), turn.execution.id
    ids = [execution.id for execution in turn.case.head.executions]
    counts = {one: known[one] for one in ids if one in known}
    counts[execution_id] = known.get(execution_id, 0) + 1
    counts[ALL] = known.get(ALL, 0) + 1
    turn.case.put(PART, counts)


def of_execution(turn: Turn) -> int:
    """How many calls of unknown cost the execution made."""
    return _calls(turn).get(turn.execution.id, 0)


def of_conversation(turn: Turn) -> int:
    """How many the whole conversation did."""
    return _calls(turn).get(ALL, 0)


def counted_pico(turn: Turn) -> int:
    """What the execution is held to have cost, for limits and rules: what is known, and the bundle's amount for each
    call of unknown cost."""
    return turn.execution.cost_pico + of_execution(turn) * turn.limits.unknown_call_pico


def _calls(turn: Turn) -> Mapping[str, int]:
    return turn.case.part(PART) if PART in turn.case.head.parts else {}
