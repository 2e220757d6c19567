"""What went in and what came out, by recording."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.recorded import Result
from benchmarks.report.conversations import Conversation
from benchmarks.report.tables import share, succeeded, table

HEADER = ("recording", "conversations", "task done", "events", "decisions", "blocked", "halted", "handed over")


def section(conversations: Sequence[Conversation], result: Result) -> str:
    recordings = list(dict.fromkeys(conversation.recording for conversation in conversations))
    rows = [
        _row(name, [conversation for conversation in conversations if conversation.recording == name])
        for name in sorted(recordings)
    ]
    verdicts = Counter(
        f"{conversation['kind']} {conversation['verdict']}" for talk in conversations for conversation in talk.decisions
    )
    return f"""\
## What went in and what came out
{result.records:,} events of {len(conversations)} conversations. *Blocked* and *halted* count conversations with at
least one such decision; *handed over* those with at least one handoff to a human.

{table(HEADER, [*rows, _row("all", conversations)])}
Decisions by kind and verdict: {", ".join(f"{name} {count:,}" for name, count in verdicts.most_common())}.
"""


def _row(name: str, talks: Sequence[Conversation]) -> tuple[object, ...]:
    return (
        name,
        len(talks),
        succeeded(talks),
        f"{sum(len(talk.events) for talk in talks):,}",
        f"{sum(len(talk.decisions) for talk in talks):,}",
        share(sum(talk.first("block") is not None for talk in talks), len(talks)),
        sum(talk.first("halt") is not None for talk in talks),
        share(sum(bool(talk.handoffs) for talk in talks), len(talks)),
    )
