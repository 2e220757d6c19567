"""What each default limit and detector did."""

from collections.abc import Sequence
from decimal import Decimal

from benchmarks.report.conversations import Conversation
from benchmarks.report.tables import succeeded, table

CODES = (
    ("loop.repeat", "the same call, 3 times (block), again (halt)"),
    ("loop.cycle", "2 to 4 calls, 3 times in a row"),
    ("loop.response", "the same answer 3 times"),
    ("loop.customer", "the customer's same words 3 times"),
    ("limit.steps", "100 actions an execution, 300 a conversation"),
    ("limit.cost", "$10 an execution, $30 a conversation"),
    ("limit.time", "no limit by default"),
    ("confidence", "no limit by default, none recorded"),
    ("owner.human", "a human has the conversation: answers and writes wait"),
)
HALTED = ("halted conversation", "by", "at step", "the task was", "calls of the model after it", "their tokens")


def section(conversations: Sequence[Conversation]) -> str:
    steps = max(decision["usage"]["steps"] for talk in conversations for decision in talk.decisions)
    cost = max(Decimal(decision["usage"]["cost_usd"]) for talk in conversations for decision in talk.decisions)
    halted = [talk for talk in conversations if talk.first("halt")]
    done = [talk for talk in halted if talk.succeeded]
    return f"""\
## What each default limit did
{table(("limit", "what", "conversations", "task done", "decisions"), [_row(conversations, *row) for row in CODES])}
The limits on steps and cost stopped nobody: the longest execution had {steps} steps, the dearest cost ${cost:.2f}.
Against runaways of 60 to 96 identical calls a limit of 100 steps is no help; the loop detector is.

### Halts
{len(halted)} conversations were halted. **{len(done)} of them had done their task in the end**: for these the halt was
wrong, or at least early. The last two columns are what the agent went on to spend.

{table(HALTED, [_halt(talk) for talk in halted])}"""


def _row(talks: Sequence[Conversation], code: str, what: str) -> tuple[object, ...]:
    fired = [talk for talk in talks if talk.fired(code)]
    times = sum(
        reason["code"] == code for talk in fired for decision in talk.decisions for reason in decision["reasons"]
    )
    return f"`{code}`", what, len(fired), succeeded(fired) if fired else "–", times


def _halt(talk: Conversation) -> tuple[object, ...]:
    halt = talk.first("halt")
    assert halt is not None
    after = [data["usage"] for offset, data in talk.data("llm.completed") if offset > halt["position"]["offset"]]
    tokens = sum(usage["input_tokens"] + usage["output_tokens"] for usage in after)
    return (
        named(talk),
        f"`{halt['reasons'][0]['code']}`",
        halt["usage"]["steps"],
        "**done**" if talk.succeeded else "not done",
        len(after),
        f"{tokens:,}",
    )


def named(talk: Conversation) -> str:
    """The conversation's id without what Markdown takes for a column, cut."""
    plain = talk.name.replace("|", "+")
    return f"`{plain if len(plain) <= 60 else plain[:59] + '…'}`"
