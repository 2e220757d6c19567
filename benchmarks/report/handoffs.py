"""Handoffs against the transfers that the tasks expect."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.report.conversations import Conversation
from benchmarks.report.tables import share, table

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
    handed = [conversation for conversation in conversations if conversation.handoffs]
    expected = [conversation for conversation in conversations if conversation.transfer_expected]
    both = [conversation for conversation in expected if conversation.handoffs]
    first = Counter(conversation.handoffs[0]["reason"]["code"] for conversation in handed)
    rows = [
        _row(
            WHY.get(code, code),
            [conversation for conversation in handed if conversation.handoffs[0]["reason"]["code"] == code],
        )
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
    return sum(talk.transferred for talk in talks)


def _row(name: str, talks: Sequence[Conversation]) -> tuple[object, ...]:
    neither = [talk for talk in talks if not (talk.transfer_expected or talk.transferred)]
    needless = sum(talk.succeeded for talk in neither)
    return (
        name,
        len(talks),
        sum(talk.transfer_expected for talk in talks),
        sum(talk.transferred and not talk.transfer_expected for talk in talks),
        len(neither) - needless,
        share(needless, len(talks)),
    )


def _openings(talks: Sequence[Conversation]) -> str:
    """Where in the conversation the classifier sent it to a human."""
    sent = [talk for talk in talks if talk.handoffs and talk.handoffs[0]["reason"]["code"] == "classification"]
    later = sum(_turn(talk) > 1 for talk in sent)
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
