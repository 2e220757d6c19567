"""Ask and keep to the answer: what an agent that is governed does with what it wants to do."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from aiokafka.errors import KafkaError

from handrail.client.answer import Answer, Permit
from handrail.client.call import ProposedCall, mismatch
from handrail.client.client import Client
from handrail.client.connection import Connection
from handrail.client.errors import NeedsApproval, NoDecision, NotRecorded, Unreachable, Unusable, reasons, refusal
from handrail.client.event import Event
from handrail.client.handback import Handback
from handrail.client.waiting import Arrival, Expected
from handrail.schemas.clock import to_ms
from handrail.schemas.outputs import Decision

UNANSWERED_MAX = 64
HANDED_MAX = 64  # handoffs whose end an agent can wait for, the latest

log = logging.getLogger("handrail.client")


@dataclass(frozen=True, slots=True)
class Question:
    """An event that is answered by a decision of this kind. `call` None: its answer is given whatever it is."""

    event: Event
    kind: Literal["route", "llm", "action", "response"]
    call: ProposedCall | None = None
    wait_approval: bool = True

    @property
    def about(self) -> str:
        """What is asked, for messages."""
        name = self.call.tool if self.call else self.kind
        return f"{self.event.conversation_id}: {name}"


class Expired(Unusable):
    """What was allowed had ended when its decision arrived. `permit` is what it would have been; it was not given."""

    def __init__(self, message: str, permit: Permit) -> None:
        self.permit = permit
        super().__init__(message, permit.decision)


class UsedUp(NeedsApproval):
    """An approval that was over before it was asked for again. `permit` names the call; it was not given."""

    def __init__(self, message: str, permit: Permit) -> None:
        self.permit = permit
        super().__init__(message, permit.decision)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that waits for a person: its release is kept until `stack` is closed, whoever waits for it."""

    asked: Decision
    expected: Expected
    stack: ExitStack
    record: Mapping[str, Any] | None = None


class Asking(Protocol):
    """How an agent speaks to Handrail: `Enforcing` waits for decisions, `Observing` does not."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """All that was told is on the log, or given up."""

    async def publish(self, event: Event) -> None:
        """Put an event on the log that nothing answers."""

    async def ask(self, question: Question) -> Answer:
        """Put an event on the log, and give its answer."""

    async def decided(self, answer: Answer) -> Decision | None:
        """What was decided, waited for."""

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """What a person did with what was handed over, waited for."""


class Enforcing:
    """Nothing is done without a decision. Timeouts in seconds.

    A call whose agent stopped waiting for a person is kept by its action id, the latest UNANSWERED_MAX of them: the
    same action asked for again is not sent again, and gets the release that came in between.
    """

    def __init__(
        self, client: Client, conversation_id: str, timeout_s: float, approval_timeout_s: float, enter: bool
    ) -> None:
        self._client, self._conversation_id, self._enter = client, conversation_id, enter
        self._connection: Connection  # of the log that the conversation is on: it is asked and told nowhere else
        self._timeout_s, self._approval_timeout_s = timeout_s, approval_timeout_s
        self._unanswered: dict[str, Unanswered] = {}
        self._handed: dict[str, int] = {}  # by handoff, when the decision that names it was made, by the log

    async def open(self) -> None:
        """Decisions are read from now on. Raises Unreachable."""
        if self._enter:
            await self._client.__aenter__()
        await self._client.renew()
        self._connection = self._client.connection
        try:
            self._partition = await self._connection.join(self._conversation_id, self._timeout_s)
        except (TimeoutError, KafkaError) as error:
            why = f"no answer within {self._timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            await self._leave_client()
            raise Unreachable(f"{self._conversation_id}: Kafka at {self._client.bootstrap}: {why}") from None
        except BaseException:
            await self._leave_client()
            raise

    async def close(self) -> None:
        """No more decisions of this conversation are needed."""
        while self._unanswered:
            self._unanswered.popitem()[1].stack.close()
        self._connection.leave(self._partition)
        await self._leave_client()

    async def publish(self, event: Event) -> None:
        """The event is acknowledged. Raises NotRecorded."""
        try:
            await self._connection.publish(event, time.monotonic() + self._timeout_s)
        except (TimeoutError, KafkaError) as error:
            raise NotRecorded(f"{event.conversation_id}: {event.type}: {self._unsent(error)}") from None

    async def ask(self, question: Question) -> Answer:
        """The answer, when it is one to act on.

        Raises Blocked, Halted, NeedsApproval, NoDecision, Unusable, Expired.
        """
        sent_s = time.monotonic()
        with ExitStack() as stack:
            if question.call is not None and question.call.action_id in self._unanswered:
                return await self._released(question, question.call, self._unanswered.pop(question.call.action_id))
            expected = stack.enter_context(self._connection.expect(question.event))
            first = await self._first(question, expected, sent_s + self._timeout_s)
            if question.call is None:
                return Answer(decision=first.decision, record=first.record)
            _check(first.decision, question.call, question)
            if not _holds(first.decision, "require_approval"):
                return _permit(first, question, question.call, sent_s)
            unanswered = Unanswered(first.decision, expected, stack.pop_all(), first.record)
        return await self._released(question, question.call, unanswered)

    async def decided(self, answer: Answer) -> Decision | None:
        """What was decided; it is there already."""
        return answer.decision

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """The first handoff that a person is done with, of those that decisions have named. Raises Unreachable."""
        if not self._handed:
            return None
        until_s = time.monotonic() + (self._approval_timeout_s if timeout_s is None else timeout_s)
        known, since_ms = list(self._handed), min(self._handed.values())
        try:
            back = await self._connection.handback(self._conversation_id, known, since_ms, until_s)
        except KafkaError as error:
            why = f"what people did cannot be read: Kafka at {self._client.bootstrap}: {error}"
            raise Unreachable(f"{self._conversation_id}: {why}") from None
        if back is not None:
            del self._handed[back.handoff_id]
        return back

    def _note(self, arrival: Arrival) -> Arrival:
        """Remember the handoff that a decision names."""
        if name := arrival.decision.handoff_id:
            self._handed.setdefault(name, arrival.made_ms)
            while len(self._handed) > HANDED_MAX:
                del self._handed[next(iter(self._handed))]
        return arrival

    async def _leave_client(self) -> None:
        if self._enter:
            await self._client.__aexit__()

    async def _first(self, question: Question, expected: Expected, until_s: float) -> Arrival:
        try:
            await self._connection.publish(question.event, until_s)
        except (TimeoutError, KafkaError) as error:
            raise NoDecision(f"{question.about}: it could not be asked: {self._unsent(error)}") from None
        try:
            return self._note(await expected.next(question.kind, until_s))
        except TimeoutError:
            raise NoDecision(
                f"{question.about}: no decision within {self._timeout_s:g} s: is a worker running on "
                f"{self._client.bootstrap}? (`handrail up`)"
            ) from None

    async def _released(self, question: Question, call: ProposedCall, unanswered: Unanswered) -> Permit:
        """The permit that a person gives. What nobody answers in time is kept, for whoever asks for it again."""
        with ExitStack() as stack:
            stack.enter_context(unanswered.stack)
            asked = unanswered.asked
            _check(asked, call, question)
            if asked.repeat and asked.handoff_id is None:
                message = "its approval was answered, or has expired, before this was asked again"
                todo = "see whether it took effect; where it did not, propose it under a new action_id"
                named = Permit(decision=asked, record=unanswered.record, call=call, use_before_s=0.0)
                raise UsedUp(f"{question.about}: {message}: {todo}", named)
            try:
                if not question.wait_approval:
                    raise refusal(asked, question.about)
                released = await self._answered(question, call, unanswered)
            except (TimeoutError, NeedsApproval, asyncio.CancelledError) as error:
                self._keep(call, replace(unanswered, stack=stack.pop_all()))
                if not isinstance(error, TimeoutError):
                    raise
                message = f"{question.about}: nobody approved it within {self._approval_timeout_s:g} s"
                raise NeedsApproval(f"{message}{_handoff(asked)}: {reasons(asked)}", asked) from None
            if (released.decision.for_.source, released.decision.for_.id) != unanswered.expected.identity:
                raise _of_another(question, released.decision, asked)
            return _permit(released, question, call, released.read_s)

    async def _answered(self, question: Question, call: ProposedCall, unanswered: Unanswered) -> Arrival:
        """The release that answers the approval; a new bundle may ask for another one in between.

        Raises TimeoutError.
        """
        until_s = time.monotonic() + self._approval_timeout_s
        asked, expected = unanswered.asked, unanswered.expected
        log.warning("%s: waits for a person%s: %s", question.about, _handoff(asked), reasons(asked))
        while True:
            arrival = self._note(await expected.next("release", until_s))
            release = arrival.decision
            if (release.for_.source, release.for_.id) != expected.identity:
                return arrival
            _check(release, call, question)
            if not _holds(release, "require_approval"):
                return arrival

    def _keep(self, call: ProposedCall, unanswered: Unanswered) -> None:
        if len(self._unanswered) >= UNANSWERED_MAX:
            self._unanswered.pop(next(iter(self._unanswered))).stack.close()
        self._unanswered[call.action_id] = unanswered

    def _unsent(self, error: Exception) -> str:
        why = f"no answer within {self._timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
        return f"Kafka at {self._client.bootstrap}: {why}"


def _handoff(asked: Decision) -> str:
    return f" (handoff {asked.handoff_id})" if asked.handoff_id else ""


def _holds(decision: Decision, verdict: str) -> bool:
    """Whether the verdict binds; an agent that its bundle only observes is never held."""
    return decision.verdict == verdict and decision.enforcement != "observe"


def _check(decision: Decision, call: ProposedCall, question: Question) -> None:
    wrong = mismatch(decision, call, question.event)
    if wrong is not None:
        raise Unusable(f"{question.about}: decision {decision.decision_id[:12]} cannot be used: {wrong}", decision)


def _of_another(question: Question, release: Decision, asked: Decision) -> Exception:
    """The same call waited already, under another action id: its approval serves that one, once."""
    if release.verdict != "allow":
        return refusal(release, question.about)
    message = f"the approval serves action {release.action_id}, which proposed the same call before"
    return NeedsApproval(f"{question.about}: {message}", asked)


def _permit(arrival: Arrival, question: Question, call: ProposedCall, since_s: float) -> Permit:
    """The permit of an `allow`. Its time is what the log gave it, on this process's own clock.

    `expires_at` and the time of the decision are both the log's, so no clock is compared with another; the rest is
    measured with `time.monotonic` from `since_s`: when the action was proposed, or when its release was read.
    """
    decision = arrival.decision
    if decision.enforcement == "observe":
        return Permit(decision=decision, record=arrival.record, call=call, use_before_s=None)
    if decision.verdict != "allow":
        raise refusal(decision, question.about)
    if decision.expires_at is None:
        raise Unusable(f"{question.about}: decision {decision.decision_id[:12]} has no expires_at", decision)
    lifetime_s = (to_ms(decision.expires_at) - arrival.made_ms) / 1000
    permit = Permit(decision=decision, record=arrival.record, call=call, use_before_s=since_s + lifetime_s)
    if permit.expired:
        raise Expired(f"{question.about}: the decision had expired when it arrived", permit)
    return permit
