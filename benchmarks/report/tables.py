"""Markdown tables and the small words of the page."""

from collections.abc import Iterable, Sequence

from benchmarks.report.conversations import Conversation


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every column but the first is set to the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (header, rule, *rows)) + "\n"


def share(part: int, total: int) -> str:
    """`12 (40 %)`; without the share where there is nothing to share."""
    return f"{part:,} ({part / total:.0%})" if total else f"{part}"


def succeeded(conversations: Sequence[Conversation]) -> str:
    """How many of them had done their task."""
    return share(sum(conversation.succeeded for conversation in conversations), len(conversations))
