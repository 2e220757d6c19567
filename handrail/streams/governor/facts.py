"""Facts: what `tools.yaml` takes from results of this conversation, never from the agent's words.

A plain fact lies in the head, and the last result holds. A fact by key has one value for each value of its key; these
lie in a part.
"""

from collections.abc import Mapping
from typing import Any

from handrail.policies import MISSING, resolve
from handrail.policies.names import Unreadable
from handrail.policies.subject import fact_key
from handrail.policies.tools import ToolFact
from handrail.streams.governor.fold_context import ActionCall, FoldContext

FACTS_MAX, FACT_LENGTH_MAX = 32, 64
FACTS_BY_KEY_MAX = 128  # values of one conversation: the one that was learnt longest ago leaves, and is unknown again
FACTS = "facts"


def learn(context: FoldContext, call: ActionCall, result: object) -> None:
    """Store the facts of a successful result. A fact that is not in it keeps its value."""
    by_key: dict[bytes, Any] = {}
    for fact in context.bundle.facts(call.tool):
        value = resolve(fact.path, result)
        if value is MISSING or type(value) is Unreadable:
            continue
        short = _plain(value)
        if fact.key is None:
            _keep(context, fact, short)
        elif (key := fact_key(fact.name, resolve(fact.key, call.arguments))) is not None:
            by_key[key] = short
    if by_key:
        _keep_by_key(context, by_key)


def _plain(value: Any) -> str | int | float | bool | None:
    """The value; null, which compares with nothing, for what is no short text, number, true or false."""
    return value if isinstance(value, str | int | float | bool) and len(str(value)) <= FACT_LENGTH_MAX else None


def _keep(context: FoldContext, fact: ToolFact, value: str | int | float | bool | None) -> None:
    head = context.conversation.head
    if fact.name in head.facts or len(head.facts) < FACTS_MAX:
        head.facts = {**head.facts, fact.name: value}


def _keep_by_key(context: FoldContext, new: Mapping[bytes, Any]) -> None:
    known = {key: value for key, value in by_key(context).items() if key not in new}
    known |= new
    for key in list(known)[:-FACTS_BY_KEY_MAX]:
        del known[key]
    context.conversation.put(FACTS, known)


def by_key(context: FoldContext) -> Mapping[bytes, Any]:
    """The facts by key, the one learnt longest ago first."""
    return context.conversation.part(FACTS) if FACTS in context.conversation.head.parts else {}
