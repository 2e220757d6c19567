"""Proposals of actions and answers: asked once, and anew under the next id where the permission came too late."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import uuid4

from handrail.client.answer import Permit
from handrail.client.call import RESPONSE, ProposedCall, next_action_id
from handrail.client.enforcement import ApprovalOver, Enforcement, Expired, Question
from handrail.client.errors import AlreadyClaimed, GovernanceError, Unusable
from handrail.client.event import EventContext
from handrail.client.gate import Gate

RENEWALS_MAX = 16  # ids of one action that are tried in one `propose`

log = logging.getLogger("handrail.client")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed: the event's name, its data but for the id, and the id that the caller gave.

    `id_field` names the field of the data for the id.
    """

    event: str
    kind: Literal["action", "response"]
    id_field: str
    given_id: str | None
    data: dict[str, Any]
    wait_approval: bool


class Proposer:
    """Proposes in one conversation. `check_open` raises ConfigError where the agent's block was left."""

    def __init__(
        self, context: EventContext, enforcement: Enforcement, gate: Gate | None, check_open: Callable[[], None]
    ) -> None:
        self._context, self._enforcement, self._gate, self._check_open = context, enforcement, gate, check_open

    async def permit(self, proposal: Proposal) -> Permit:
        """The permit; a proposal whose permission came too late, and that cannot have run, is made under its next id.

        Raises as `Agent.propose`.
        """
        given = proposal.given_id
        first = action_id = given or uuid4().hex
        event_id = f"{self._context.execution_id}/{given}" if given else None
        for _ in range(RENEWALS_MAX):
            try:
                permit = await self._ask(proposal, action_id, event_id)
                return permit if action_id == first else replace(permit, replaces=first)
            except ApprovalOver as over:
                await asyncio.to_thread(self._check_unclaimed, over, over.permit)
                raise
            except Expired as late:
                await asyncio.to_thread(self._check_not_run, late)
                if action_id != first and not _is_repeat(late):
                    message = f"{late} again, under {action_id}: see how far the workers lag"
                    raise Unusable(message, late.decision) from None
                action_id, before = next_action_id(action_id), action_id
                log.warning("%s; it is proposed anew as %s, in place of %s", late, action_id, before)
                event_id = f"{self._context.execution_id}/{action_id}"
        message = f"{self._context.conversation_id}: {first}: was proposed anew {RENEWALS_MAX} times and never run"
        raise Unusable(f"{message}: propose it under an action_id of its own")

    async def _ask(self, proposal: Proposal, action_id: str, event_id: str | None) -> Permit:
        self._check_open()
        event = self._context.event(proposal.event, {proposal.id_field: action_id, **proposal.data}, event_id)
        data = event.data
        if proposal.kind == RESPONSE:
            call = ProposedCall(data["response_id"], RESPONSE, {"text": data["text"]})
        else:
            call = ProposedCall(data["action_id"], data["tool"], data["arguments"], data.get("effect"))
        answer = await self._enforcement.ask(Question(event, proposal.kind, call, proposal.wait_approval))
        assert isinstance(answer, Permit)
        return answer

    def _check_not_run(self, late: Expired) -> None:
        """Return where an expired action was certainly never begun. Raises AlreadyClaimed, GateRefused, Unusable.

        An answer that was given before may have been acted on: a gate knows of actions; of responses nothing does.
        """
        permit = late.permit
        if not self._check_unclaimed(late, permit) and _is_repeat(late):
            name = "message.sent" if permit.tool == RESPONSE else "action.executed"
            raise Unusable(
                f"{late}; it was allowed before, as {permit.action_id}, and may have been acted on: look for {name} on "
                "the log and at what the tool has done; only where it took no effect, propose it under a new id",
                late.decision,
            )

    def _check_unclaimed(self, error: GovernanceError, permit: Permit) -> bool:
        """True where the agent's gate knows that nobody acted on it, False where none can. Raises AlreadyClaimed."""
        if self._gate is None or permit.tool == RESPONSE:
            return False
        claim = self._gate.earlier(permit, permit.tool)
        if claim is not None:
            raise AlreadyClaimed(f"{error}, and it was used already: {claim}", claim)
        return True


def _is_repeat(late: Expired) -> bool:
    return late.decision is not None and bool(late.decision.repeat)
