"""tau-bench and tau2-bench recordings as events: what would have been on the log, had Handrail been there."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from handrail.importers.tau_file import Conversation, Message, RecordedCall, Setting, read
from handrail.schemas import money, strict_json
from handrail.schemas.clock import to_ms, to_rfc3339
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError

START_MS = to_ms("2024-05-15T00:00:00Z")
SECOND_MS = 1000
SCORER = "tau"
AGENT = "agent"
TRANSFER = "transfer_to_human"
MARK = re.compile(r"###([A-Z]+(?:[-_ ][A-Z]+)*)###")
"""What the benchmark's customers write when they are done; `### Heading` of an answer is none."""
OUTCOMES = {"STOP": "resolved", "TRANSFER": "transferred", "OUT-OF-SCOPE": "abandoned"}
FAILED = ("max_steps", "timeout")
"""Ends of a conversation that are errors, beside `agent_error`, `too_many_errors` and their like."""
PROVIDERS = (("gpt-", "openai"), ("ft:", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"),
             ("claude", "anthropic"), ("gemini", "google"))  # fmt: skip

Event = dict[str, Any]


def events(path: Path) -> Iterator[Event]:
    """CloudEvents of a recording, conversation by conversation in the order of the file.

    The same file gives the same events: ids are `<task>-<trial>/<turn>.<n>`, times those of the file. Every event is
    one that `handrail.schemas.decode` accepts.

    Raises
    ------
    ConfigError
        The file cannot be read, or is not named `.json` or `.json.gz`.
    SchemaError
        It is not a recording; the message says where and what.
    """
    setting, conversations = read(path)
    names: set[str] = set()
    for place, conversation in conversations:
        story = _Story(setting, conversation)
        if story.name in names:
            raise SchemaError(f"{path}: {place}: task {story.name} stands in it twice: give each trial its own number")
        names.add(story.name)
        try:
            for event in story.events():
                decode(orjson.dumps(event))
                yield event
        except (SchemaError, orjson.JSONEncodeError) as error:
            raise SchemaError(f"{path}: {place}: {error}") from None


@dataclass(slots=True)
class _Story:
    """One conversation while its events are made: the calls that wait for results, the last message and its time."""

    setting: Setting
    conversation: Conversation
    turn: int = 0
    events_in_turn: int = 0
    now_ms: int = START_MS - SECOND_MS
    waiting: deque[tuple[str, RecordedCall, bool]] = field(default_factory=deque)
    last_tool: str = ""
    mark: str = ""

    @property
    def name(self) -> str:
        return f"{self.conversation.task_id}-{self.conversation.trial or 0}"

    def events(self) -> Iterator[Event]:
        """The events of the conversation, in their order."""
        messages = self.conversation.messages
        self.now_ms = _time(messages[0], self.now_ms)
        yield self._started()
        for self.turn, message in enumerate(messages):
            if self.turn:
                self.now_ms = _time(message, self.now_ms)
            self.events_in_turn = 0
            if message.role == "assistant":
                yield from self._agent(message)
            elif message.role == "user":
                yield from self._customer(message)
            elif message.role == "tool":
                yield from self._result(message)
        yield self._ended()
        if self.conversation.reward is not None:
            yield self._scored(self.conversation.reward)

    def _started(self) -> Event:
        goal = self.setting.tickets.get(self.conversation.task_id)
        return self._event("execution.started", {"goal": goal} if goal else {}, "start")

    def _agent(self, message: Message) -> Iterator[Event]:
        """What the LLM call cost, then what it said, then what it wants to do."""
        if message.usage is not None or message.cost:
            yield self._event("llm.completed", _spent(message))
        if text := self._unmarked(message):
            response = {"response_id": str(self.turn), "text": text}
            yield self._event("response.proposed", response)
            yield self._event("message.sent", {"role": "assistant", **response})
        for action_id, call in self._called(message, by_customer=False):
            wanted = {"action_id": action_id, "tool": call.tool, "arguments": call.arguments}
            yield self._event("action.proposed", wanted)

    def _customer(self, message: Message) -> Iterator[Event]:
        if text := self._unmarked(message):
            yield self._event("query.received", {"text": text}, by_agent=False)
        self._called(message, by_customer=True)

    def _called(self, message: Message, by_customer: bool) -> list[tuple[str, RecordedCall]]:
        """The calls of a message with their action ids; from now on they wait for their results."""
        calls = [(f"{self.turn}.{index}", call) for index, call in enumerate(message.tool_calls or ())]
        # What an earlier message asked for and never got an answer to will not get one any more.
        if calls:
            self.waiting = deque((action_id, call, by_customer) for action_id, call in calls)
        return calls

    def _result(self, message: Message) -> Iterator[Event]:
        """The result of the call that it answers; ids repeat in recordings, so the first that waits is meant."""
        if (waiting := self._answered(message.answers)) is None:
            raise SchemaError(f"messages[{self.turn}]: a tool result without its call")
        action_id, call, by_customer = waiting
        self.last_tool = call.tool
        status = "error" if _is_error(message) else "ok"
        did = {"tool": call.tool, "arguments": call.arguments, "status": status, "result": _result(message.content)}
        if by_customer:
            yield self._event("customer.acted", did, by_agent=False)
            return
        if status == "error":
            did["error"] = message.content
        yield self._event("action.executed", {"action_id": action_id, **did})

    def _answered(self, call_id: str | None) -> tuple[str, RecordedCall, bool] | None:
        for waiting in self.waiting:
            if waiting[1].id == call_id:
                self.waiting.remove(waiting)
                return waiting
        return None

    def _unmarked(self, message: Message) -> str:
        """The text without the benchmark's marks; the last mark is remembered."""
        text = message.content or ""
        for match in MARK.finditer(text):
            self.mark = match[1]
        return MARK.sub("", text).strip()

    def _ended(self) -> Event:
        outcome, reason = _outcome(self.conversation.termination_reason or "", self.mark, self.last_tool)
        return self._event("execution.ended", {"outcome": outcome, "reason": reason}, "end")

    def _scored(self, reward: float) -> Event:
        about = {"task_id": self.conversation.task_id, "trial": self.conversation.trial or 0}
        score: dict[str, Any] = {"scorer": SCORER, "score": reward, "about": about}
        if self.conversation.reward_breakdown:
            score["labels"] = self.conversation.reward_breakdown
        return self._event("evaluation.scored", score, "score", by_agent=False)

    def _event(self, kind: str, data: dict[str, Any], name: str = "", by_agent: bool = True) -> Event:
        """A CloudEvent; an event of the agent itself also names its model."""
        conversation_id = f"{self.setting.stem}/{self.name}"
        common: dict[str, Any] = {
            "conversation_id": conversation_id,
            "agent_id": self.setting.domain or AGENT,
            "recorded": True,
        }
        if by_agent and self.setting.llm:
            common["model"] = _model(self.setting.llm)
        place = name or f"{self.turn}.{self.events_in_turn}"
        self.events_in_turn += 1
        return {
            "specversion": "1.0",
            "id": f"{self.name}/{place}",
            "source": f"/import/tau/{self.setting.stem}",
            "type": f"handrail.{kind}.v1",
            "subject": conversation_id,
            "time": to_rfc3339(self.now_ms),
            "datacontenttype": "application/json",
            "data": common | data,
        }


def _time(message: Message, last_ms: int) -> int:
    """When a message was written: UTC where it names no zone, one second after the last where it names no time."""
    if message.timestamp is None:
        return last_ms + SECOND_MS
    try:
        written = datetime.fromisoformat(message.timestamp)
    except ValueError:
        raise SchemaError(f"timestamp: must be an ISO 8601 time, got {message.timestamp[:40]!r}") from None
    return to_ms((written if written.tzinfo else written.replace(tzinfo=UTC)).isoformat())


def _spent(message: Message) -> dict[str, Any]:
    usage = message.usage
    spent: dict[str, Any] = {"usage": None}  # unknown
    if usage is not None:
        spent["usage"] = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    # 0 stands for "not recorded" there; a price of 0 would be a claim.
    if pico := round(Decimal(str(message.cost or 0)) * money.PICO):
        spent["cost_usd"] = money.from_pico(pico)
    return spent


def _result(content: str | None) -> Any:
    """What a tool answered: objects and lists as such, so that facts can be read from them; else its text."""
    if content is None or not content.startswith(("{", "[")):
        return content
    try:
        return strict_json.loads(content.encode())
    except (SchemaError, UnicodeEncodeError):
        return content


def _is_error(message: Message) -> bool:
    """tau2 says so; in tau1 the text begins with it."""
    return bool(message.error) or (message.error is None and (message.content or "").startswith("Error"))


def _outcome(termination: str, mark: str, last_tool: str) -> tuple[str, str]:
    if termination in FAILED or termination.endswith(("_error", "_errors")):
        return "error", termination
    if mark:
        return OUTCOMES.get(mark, "abandoned"), mark.lower()
    if last_tool.startswith(TRANSFER):
        return "transferred", last_tool
    return "abandoned", termination or "the recording ends here"


def _model(llm: str) -> dict[str, str]:
    """`azure/gpt-4o` names its provider; for a bare name the maker is taken where it is known."""
    provider, slash, name = llm.partition("/")
    if slash:
        return {"provider": provider, "name": name}
    known = (maker for start, maker in PROVIDERS if llm.startswith(start))
    return {"provider": next(known, "unknown"), "name": llm}
