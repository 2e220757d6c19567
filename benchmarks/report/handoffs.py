"""Handoffs against the transfers that the tasks expect."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.report.tables import share, table
from benchmarks.report.told import Conversation

WHY = {
    "customer.asked": "the customer asked for a person",
    "classification": "the query was taken for one that the AI must not answer",
    "owner.human": "the agent itself handed over",
    "loop.repeat": "a loop of calls",
    "loop.cycle": "a loop of calls",
    "loop.response": "the same answer three times",
    "loop.customer": "the customer's same words three times",
}
HEADER = (
    "first handed over because",
    "conversations",
    "transfer expected",
    "agent transferred too",
    "neither, task not done",
    "neither, task done: needless",
)


def section(conversations: Sequence[Conversation]) -> str:
    handed = [one for one in conversations if one.handoffs]
    expected = [one for one in conversations if one.transfer_expected]
    both = [one for one in expected if one.handoffs]
    first = Counter(one.handoffs[0]["reason"]["code"] for one in handed)
    rows = [
        _row(WHY.get(code, code), [one for one in handed if one.handoffs[0]["reason"]["code"] == code])
        for code, _ in first.most_common()
    ]
    return f"""\
## Handoffs
{len(expected)} tasks are such that the agent is expected to transfer the customer. In {_transferred(expected)} of
them the agent did; Handrail handed over in {share(len(both), len(expected))}. In all it handed over {len(handed)} of
{len(conversations)} conversations; the agents themselves transferred {_transferred(conversations)}.

{table(HEADER, [*rows, _row("all", handed)])}
*Needless* is by the label: no transfer expected, none made, and the task done.
{_openings(conversations)}
"""


def _transferred(talks: Sequence[Conversation]) -> int:
    return sum(one.transferred for one in talks)


def _row(name: str, talks: Sequence[Conversation]) -> tuple[object, ...]:
    neither = [one for one in talks if not (one.transfer_expected or one.transferred)]
    needless = sum(one.succeeded for one in neither)
    return (
        name,
        len(talks),
        sum(one.transfer_expected for one in talks),
        sum(one.transferred and not one.transfer_expected for one in talks),
        len(neither) - needless,
        share(needless, len(talks)),
    )


def _openings(talks: Sequence[Conversation]) -> str:
    """Where in the conversation the classifier sent it to a human."""
    sent = [one for one in talks if one.handoffs and one.handoffs[0]["reason"]["code"] == "classification"]
    later = sum(_turn(one) > 1 for one in sent)
    return (
        f"Of the {len(sent)} that the classifier took away, {later} were taken at a later turn than the first, most\n"
        "often for a word that means something else there (“charge it to my card” is no disputed charge, a SIM\n"
        "card that is “missing” is no stolen card). The lexicon was made for openings of bank customers:\n"
        "see [0005](decisions/0005-lexicon-classifier.md)."
    )


def _turn(talk: Conversation) -> int:
    """Which of the customer's queries the first handoff answers, from 1."""
    at = talk.handoffs[0]["log"]["last_offset"]
    return sum(offset <= at for offset, _ in talk.data("query.received"))
