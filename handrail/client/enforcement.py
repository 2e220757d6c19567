"""Enforcement: a governed agent asks, waits for the decision, and keeps to it."""

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
from handrail.client.pending_decisions import Arrival, DecisionInbox
from handrail.schemas.clock import to_ms
from handrail.schemas.outputs import Decision

PENDING_APPROVALS_MAX = 64
HANDOFFS_MAX = 64  # handoffs whose end an agent can wait for, the latest

log = logging.getLogger("handrail.client")


@dataclass(frozen=True, slots=True)
class Question:
    """An event that is answered by a decision of this kind. `call` None: any decision is returned as the answer."""

    event: Event
    kind: Literal["route", "llm", "action", "response"]
    call: ProposedCall | None = None
    wait_approval: bool = True

    @property
    def about(self) -> str:
        """The conversation and what is proposed, for messages."""
        name = self.call.tool if self.call else self.kind
        return f"{self.event.conversation_id}: {name}"


class Expired(Unusable):
    """The permission had ended when its decision arrived. `permit` is what it would have been; it was not given."""

    def __init__(self, message: str, permit: Permit) -> None:
        self.permit = permit
        super().__init__(message, permit.decision)


class ApprovalOver(NeedsApproval):
    """An approval that was over before it was asked for again. `permit` names the call; it was not given."""

    def __init__(self, message: str, permit: Permit) -> None:
        self.permit = permit
        super().__init__(message, permit.decision)


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A call that waits for a person: `inbox` keeps its release until `stack` is closed. `approval` asked for it."""

    approval: Decision
    inbox: DecisionInbox
    stack: ExitStack
    record: Mapping[str, Any] | None = None


class Enforcement(Protocol):
    """How an agent speaks to Handrail: `Enforcing` waits for decisions, `Observing` does not."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Return when all events are on the log, or given up."""

    async def publish(self, event: Event) -> None:
        """Put an event on the log that nothing answers."""

    async def ask(self, question: Question) -> Answer:
        """Put an event on the log, and return its answer."""

    async def decided(self, answer: Answer) -> Decision | None:
        """Wait for the decision of an answer."""

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """Wait for a handback."""


class Enforcing:
    """Nothing is done without a decision. Timeouts in seconds.

    A call whose agent stopped waiting for a person is kept by its action id, the latest PENDING_APPROVALS_MAX of them:
    the same action proposed again is not sent again, and gets the release that came in between.
    """

    def __init__(
        self, client: Client, conversation_id: str, timeout_s: float, approval_timeout_s: float, enter: bool
    ) -> None:
        self._client, self._conversation_id, self._enter = client, conversation_id, enter
        self._connection: Connection  # to the log that the conversation is on: no other log is used
        self._timeout_s, self._approval_timeout_s = timeout_s, approval_timeout_s
        self._pending_approvals: dict[str, PendingApproval] = {}
        self._handoffs: dict[str, int] = {}  # by handoff, the log's time of the decision that names it

    async def open(self) -> None:
        """Read decisions from now on. Raises Unreachable."""
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
        while self._pending_approvals:
            self._pending_approvals.popitem()[1].stack.close()
        self._connection.leave(self._partition)
        await self._leave_client()

    async def publish(self, event: Event) -> None:
        """Return when the event is acknowledged. Raises NotRecorded."""
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
            if question.call is not None and question.call.action_id in self._pending_approvals:
                pending = self._pending_approvals.pop(question.call.action_id)
                return await self._await_release(question, question.call, pending)
            inbox = stack.enter_context(self._connection.expect(question.event))
            first = await self._first_decision(question, inbox, sent_s + self._timeout_s)
            if question.call is None:
                return Answer(decision=first.decision, record=first.record)
            _check(first.decision, question.call, question)
            if not _binds(first.decision, "require_approval"):
                return _permit(first, question, question.call, sent_s)
            pending = PendingApproval(first.decision, inbox, stack.pop_all(), first.record)
        return await self._await_release(question, question.call, pending)

    async def decided(self, answer: Answer) -> Decision | None:
        """The answer's decision; it has arrived already."""
        return answer.decision

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """The first handoff that a person is done with, of those that decisions have named. Raises Unreachable."""
        if not self._handoffs:
            return None
        until_s = time.monotonic() + (self._approval_timeout_s if timeout_s is None else timeout_s)
        known, since_ms = list(self._handoffs), min(self._handoffs.values())
        try:
            handback = await self._connection.handback(self._conversation_id, known, since_ms, until_s)
        except KafkaError as error:
            why = f"what people did cannot be read: Kafka at {self._client.bootstrap}: {error}"
            raise Unreachable(f"{self._conversation_id}: {why}") from None
        if handback is not None:
            del self._handoffs[handback.handoff_id]
        return handback

    def _remember_handoff(self, arrival: Arrival) -> Arrival:
        """Remember the handoff that a decision names."""
        if handoff_id := arrival.decision.handoff_id:
            self._handoffs.setdefault(handoff_id, arrival.made_ms)
            while len(self._handoffs) > HANDOFFS_MAX:
                del self._handoffs[next(iter(self._handoffs))]
        return arrival

    async def _leave_client(self) -> None:
        if self._enter:
            await self._client.__aexit__()

    async def _first_decision(self, question: Question, inbox: DecisionInbox, until_s: float) -> Arrival:
        try:
            await self._connection.publish(question.event, until_s)
        except (TimeoutError, KafkaError) as error:
            raise NoDecision(f"{question.about}: it could not be asked: {self._unsent(error)}") from None
        try:
            return self._remember_handoff(await inbox.next(question.kind, until_s))
        except TimeoutError:
            raise NoDecision(
                f"{question.about}: no decision within {self._timeout_s:g} s: is a worker running on "
                f"{self._client.bootstrap}? (`handrail up`)"
            ) from None

    async def _await_release(self, question: Question, call: ProposedCall, pending: PendingApproval) -> Permit:
        """The permit that a person gives. One without an answer in time is kept."""
        with ExitStack() as stack:
            stack.enter_context(pending.stack)
            approval = pending.approval
            _check(approval, call, question)
            if approval.repeat and approval.handoff_id is None:
                message = "its approval was answered, or has expired, before this was asked again"
                advice = "see whether it took effect; where it did not, propose it under a new action_id"
                permit = Permit(decision=approval, record=pending.record, call=call, use_before_s=0.0)
                raise ApprovalOver(f"{question.about}: {message}: {advice}", permit)
            try:
                if not question.wait_approval:
                    raise refusal(approval, question.about)
                released = await self._next_release(question, call, pending)
            except (TimeoutError, NeedsApproval, asyncio.CancelledError) as error:
                self._keep_pending(call, replace(pending, stack=stack.pop_all()))
                if not isinstance(error, TimeoutError):
                    raise
                message = f"{question.about}: nobody approved it within {self._approval_timeout_s:g} s"
                raise NeedsApproval(f"{message}{_handoff_suffix(approval)}: {reasons(approval)}", approval) from None
            if (released.decision.for_.source, released.decision.for_.id) != pending.inbox.identity:
                raise _refusal_of_other_action(question, released.decision, approval)
            return _permit(released, question, call, released.read_s)

    async def _next_release(self, question: Question, call: ProposedCall, pending: PendingApproval) -> Arrival:
        """The release that answers the approval; a new bundle may ask for another one in between.

        Raises TimeoutError.
        """
        until_s = time.monotonic() + self._approval_timeout_s
        approval, inbox = pending.approval, pending.inbox
        log.warning("%s: waits for a person%s: %s", question.about, _handoff_suffix(approval), reasons(approval))
        while True:
            arrival = self._remember_handoff(await inbox.next("release", until_s))
            release = arrival.decision
            if (release.for_.source, release.for_.id) != inbox.identity:
                return arrival
            _check(release, call, question)
            if not _binds(release, "require_approval"):
                return arrival

    def _keep_pending(self, call: ProposedCall, pending: PendingApproval) -> None:
        if len(self._pending_approvals) >= PENDING_APPROVALS_MAX:
            self._pending_approvals.pop(next(iter(self._pending_approvals))).stack.close()
        self._pending_approvals[call.action_id] = pending

    def _unsent(self, error: Exception) -> str:
        why = f"no answer within {self._timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
        return f"Kafka at {self._client.bootstrap}: {why}"


def _handoff_suffix(approval: Decision) -> str:
    return f" (handoff {approval.handoff_id})" if approval.handoff_id else ""


def _binds(decision: Decision, verdict: str) -> bool:
    """Whether the verdict binds; an agent that its bundle only observes is never bound."""
    return decision.verdict == verdict and decision.enforcement != "observe"


def _check(decision: Decision, call: ProposedCall, question: Question) -> None:
    wrong = mismatch(decision, call, question.event)
    if wrong is not None:
        raise Unusable(f"{question.about}: decision {decision.decision_id[:12]} cannot be used: {wrong}", decision)


def _refusal_of_other_action(question: Question, release: Decision, approval: Decision) -> Exception:
    """The error where the same call waited already under another action id: its approval serves that one, once."""
    if release.verdict != "allow":
        return refusal(release, question.about)
    message = f"the approval serves action {release.action_id}, which proposed the same call before"
    return NeedsApproval(f"{question.about}: {message}", approval)


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
