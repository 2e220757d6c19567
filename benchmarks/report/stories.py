"""The five most instructive conversations, each chosen by a rule that stands beside it, in three lines."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.report.conversations import Conversation
from benchmarks.report.limits import named

QUOTE = 150
Lines = tuple[str, str, str]


def section(conversations: Sequence[Conversation]) -> str:
    stories = "\n".join(_story_text(number, *one) for number, one in enumerate(_chosen(conversations), 1))
    return f"""\
## Five conversations
Each is the one that its rule picks from all 430.

{stories}"""


def _chosen(
    talks: Sequence[Conversation],
) -> Iterable[tuple[str, Conversation | None, Callable[[Conversation], Lines]]]:
    halted = [talk for talk in talks if talk.first("halt")]
    yield "most tokens spent after a halt", _most(halted, _tokens_after_halt), _runaway
    yield (
        "halted with the most done before, though the task was done in the end",
        _most([talk for talk in halted if talk.succeeded], lambda talk: _halt(talk)["usage"]["steps"]),
        _too_strict,
    )
    silent = [talk for talk in talks if not talk.succeeded and not talk.handoffs and not talk.first("block")]
    yield "most actions without a word from Handrail, task not done", _most(silent, _steps), _unseen
    needless = [
        talk for talk in talks
        if talk.succeeded and talk.handoffs and talk.handoffs[0]["reason"]["code"] == "classification"
        and not talk.transferred and not talk.transfer_expected
    ]  # fmt: skip
    earliest = _most(needless, lambda talk: -_query_at(talk))
    yield "taken from the AI by the classifier, earliest, though all went well", earliest, _misread
    asked = [talk for talk in talks if talk.fired("customer.asked") and not talk.succeeded]
    yield "asked for a human, kept longest with the AI, task not done", _most(asked, _kept_waiting), _ignored


def _story_text(number: int, rule: str, talk: Conversation | None, lines_of: Callable[[Conversation], Lines]) -> str:
    if talk is None:
        return f"**{number}. {rule[0].upper()}{rule[1:]}**: none.\n"
    return (
        f"**{number}. {rule[0].upper()}{rule[1:]}** ({named(talk)})\n\n"
        + "\n".join(f"- {line}" for line in lines_of(talk))
        + "\n"
    )


def _runaway(talk: Conversation) -> Lines:
    halt = _halt(talk)
    calls = sum(offset > halt["position"]["offset"] for offset, _ in talk.data("action.proposed"))
    later_answers = sum(offset > halt["position"]["offset"] for offset, _ in talk.data("message.sent"))
    return (
        f"The customer: {_quote(_first_words(talk))}",
        f"Step {halt['usage']['steps']}: {halt['reasons'][0]['message']} Handrail halts and hands over.",
        f"The agent went on for {_count(calls, 'more call')} and {_tokens_after_halt(talk):,} tokens until the "
        f"benchmark stopped it; the customer heard {_count(later_answers, 'more answer')}.",
    )


def _too_strict(talk: Conversation) -> Lines:
    halt = _halt(talk)
    action = next(data for offset, data in talk.data("action.proposed") if offset == halt["position"]["offset"])
    after = [data for offset, data in talk.data("action.proposed") if offset > halt["position"]["offset"]]
    return (
        f"The task: {_quote(_first_words(talk))}",
        f"Step {halt['usage']['steps']}: {halt['reasons'][0]['message']}",
        f"`{action['tool']}` checks after each attempt at a mend. {_count(len(after), 'more call')} ({_tools(after)}), "
        "and it was done: where a `tools.yaml` says which tools write, this is no loop (see above).",
    )


def _unseen(talk: Conversation) -> Lines:
    wanted = [data for _, data in talk.data("action.proposed")]
    queries = sum(1 for _ in talk.data("query.received"))
    return (
        f"The customer: {_quote(_first_words(talk))}",
        f"{_count(len(wanted), 'call')} without a loop ({_tools(wanted)}), "
        f"for {_count(queries, 'message')} of the customer.",
        "Nothing that the default rules know was broken, and yet the task was not done: this is what quality measures, "
        "scores and policies of one's own are for.",
    )


def _misread(talk: Conversation) -> Lines:
    query = _query(talk)
    known = talk.handoffs[0]["classification"]
    return (
        f"The customer: {_quote(query)}",
        f"Taken for `{known['intent']}` (topic {known['topic']}, confidence {known['confidence']}), given to a human.",
        "The AI did the task without help. A needless handoff costs a person's time, and here the lexicon is to blame.",
    )


def _ignored(talk: Conversation) -> Lines:
    asked = talk.fired("customer.asked")
    assert asked is not None
    at = asked["position"]["offset"]
    query = next(data["text"] for offset, data in talk.data("query.received") if offset == at)
    answers = sum(offset > at for offset, _ in talk.data("response.proposed"))
    calls = sum(offset > at for offset, _ in talk.data("action.proposed"))
    return (
        f"The customer: {_quote(query)}",
        "From there on Handrail gives the conversation to a human and blocks answers and writing actions of the agent.",
        f"In the recording the agent went on for {_count(answers, 'answer')} and {_count(calls, 'call')}; "
        f"the task was {'done' if talk.succeeded else 'not done'}.",
    )


def _most(talks: Sequence[Conversation], key: Callable[[Conversation], Any]) -> Conversation | None:
    return max(talks, key=lambda talk: (key(talk), talk.name), default=None)


def _halt(talk: Conversation) -> dict[str, Any]:
    halt = talk.first("halt")
    assert halt is not None
    return halt


def _tokens_after_halt(talk: Conversation) -> int:
    at = _halt(talk)["position"]["offset"]
    usage = [data["usage"] for offset, data in talk.data("llm.completed") if offset > at]
    return sum(usage_of_call["input_tokens"] + usage_of_call["output_tokens"] for usage_of_call in usage)


def _steps(talk: Conversation) -> int:
    return sum(1 for _ in talk.data("action.proposed"))


def _query_at(talk: Conversation) -> int:
    """How many queries the customer had sent when it was taken away."""
    return sum(offset <= talk.handoffs[0]["log"]["last_offset"] for offset, _ in talk.data("query.received"))


def _query(talk: Conversation) -> str:
    at = talk.handoffs[0]["log"]["last_offset"]
    return [str(data["text"]) for offset, data in talk.data("query.received") if offset <= at][-1]


def _kept_waiting(talk: Conversation) -> int:
    asked = talk.fired("customer.asked")
    assert asked is not None
    return sum(offset > asked["position"]["offset"] for offset, _ in talk.events)


def _first_words(talk: Conversation) -> str:
    queries = [str(data["text"]) for _, data in talk.data("query.received")]
    goals = [str(data.get("goal", "")) for _, data in talk.data("execution.started")]
    return next((text for text in [*queries, *goals] if text), "(no customer: the agent works on a ticket)")


def _tools(calls: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(data["tool"] for data in calls))
    return ", ".join(f"`{name}`" for name in names[:4]) + (" …" if len(names) > 4 else "")


def _quote(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "/")
    return f"“{plain if len(plain) <= QUOTE else plain[:QUOTE] + '…'}”"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
