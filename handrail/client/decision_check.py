"""What a gate requires of a decision before the action runs: signature, digest, verdict and time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.client.answer import Permit
from handrail.client.call import first_action_id
from handrail.client.claim import ClaimRequest
from handrail.client.errors import GateClosed, GateRefused
from handrail.client.trusted_keys import TrustedKeys
from handrail.schemas.action import action_digest, canonical_tool
from handrail.schemas.canonical import canonical
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.outputs import Decision
from handrail.schemas.signature import decision_refused

AHEAD_S = 5.0  # so far this machine's clock may be behind the broker's
KINDS = ("action", "response", "release")

GivenDecision = Permit | Mapping[str, Any] | bytes | str
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Submission:
    """A decision, its data as it came, and a copy of the arguments that nobody else can change; None: no plain JSON."""

    decision: Decision
    data: Mapping[str, Any]
    tool: str
    arguments: dict[str, Any] | None


class DecisionCheck:
    """Checks decisions against trusted keys and a clock. `ttl_s_max`: seconds that a decision holds at most."""

    def __init__(self, keys: TrustedKeys, ttl_s_max: float, observed: bool, now_ms: Callable[[], int]) -> None:
        self._keys, self._observed, self._now_ms = keys, observed, now_ms
        self._held_ms_max, self._ttl_ms_max = int(ttl_s_max * 1000), int((ttl_s_max + AHEAD_S) * 1000)

    def admissible(self, given: GivenDecision, tool: str, arguments: Arguments | None) -> ClaimRequest:
        """The claim to make where the action may run now. Raises GateRefused, GateClosed."""
        submission = _submission(given, tool, arguments)
        _refuse(submission, self._refusal(submission))
        return self._claim_request(submission)

    def genuine(self, given: GivenDecision, tool: str, arguments: Arguments | None) -> ClaimRequest:
        """The claim of a decision of this system on this action, whatever its verdict and time.

        Raises GateRefused, GateClosed.
        """
        submission = _submission(given, tool, arguments)
        _refuse(submission, self._mismatch(submission))
        return self._claim_request(submission)

    def _refusal(self, submission: _Submission) -> str | None:
        if (why := self._mismatch(submission)) is not None:
            return why
        observed = submission.decision.enforcement == "observe"
        if observed and not self._observed:
            return "its agent is only observed: give the gate observed=True to let through whatever such an agent does"
        if submission.decision.verdict != "allow" and not observed:
            return f"its verdict is {submission.decision.verdict}"
        return self._untimely(submission.decision, observed)

    def _mismatch(self, submission: _Submission) -> str | None:
        """Why it is no decision of this system on this action."""
        decision, tool = submission.decision, submission.tool
        if not isinstance(tool, str) or not tool.strip():
            raise GateRefused("gate: tool: must be the name of the tool that stands behind this gate, written there")
        try:
            keys = self._keys.current()
        except ConfigError as error:
            raise GateClosed(f"gate: {error}", decision) from None
        if (why := decision_refused(submission.data, keys)) is not None:
            return why
        if decision.kind not in KINDS or decision.action_id is None or decision.action_digest is None:
            return f"it answers no action ({decision.kind})"
        if submission.arguments is None or decision.action_digest != _digest(
            decision, decision.action_id, tool, submission.arguments
        ):
            return "it is for another tool or other arguments"
        return None

    def _untimely(self, decision: Decision, observed: bool) -> str | None:
        """Why it does not hold now by this machine's clock."""
        if decision.expires_at is None:
            return None if observed else "it has no expires_at"
        left_ms = to_ms(decision.expires_at) - self._now_ms()
        if left_ms <= 0:
            return (
                f"it has ended {-left_ms / 1000:.1f} s ago by this machine's clock: propose it under a new action_id "
                "(where every decision has, set the clock right)"
            )
        if left_ms > self._ttl_ms_max:
            return (
                f"it ends in {left_ms / 1000:.0f} s by this machine's clock, and holds {self._ttl_ms_max / 1000:.0f} s "
                "at most: set the clock right, or give the gate ttl_s_max where your limits allow more"
            )
        return None

    def _claim_request(self, submission: _Submission) -> ClaimRequest:
        """The claim of this decision, and of its action under all its ids.

        The earliest time at which it was made follows from its end, which is signed; of a repeat it is the first one's.
        """
        decision, tool, arguments = submission.decision, submission.tool, submission.arguments
        assert decision.action_id is not None
        assert arguments is not None
        digest = _digest(decision, first_action_id(decision.action_id), tool, arguments)
        assert digest is not None
        ends_ms = None if decision.expires_at is None else to_ms(decision.expires_at)
        made_ms = self._now_ms() if ends_ms is None else ends_ms - self._held_ms_max  # without an end it binds nobody
        return ClaimRequest(decision.decision_id, digest, decision.conversation_id, tool, ends_ms, made_ms, arguments)


def _submission(given: GivenDecision, tool: str, arguments: Arguments | None) -> _Submission:
    """Raises GateRefused where it is no decision, or the arguments are missing."""
    if arguments is None and isinstance(given, Permit):
        arguments = given.arguments
    if arguments is None:
        raise GateRefused("gate: arguments are needed beside a decision's record")
    return _Submission(*_decode(given), tool, _plain_copy(arguments))


def _decode(given: GivenDecision) -> tuple[Decision, Mapping[str, Any]]:
    """The decision, typed, and its data as it came. Raises GateRefused."""
    if isinstance(given, Permit):
        if given.record is None:
            raise GateRefused(f"{given.tool}: an agent that is only observed has no decision to show")
        given = given.record
    try:
        raw = given if isinstance(given, bytes) else given.encode() if isinstance(given, str) else orjson.dumps(given)
        decoded = decode_output(raw)
    except (SchemaError, TypeError, ValueError) as error:
        raise GateRefused(f"gate: what was given is no decision's record: {error}") from None
    decision = decoded.event.data
    if not isinstance(decision, Decision):
        raise GateRefused(f"gate: what was given is no decision's record but {decoded.raw['type']}")
    return decision, decoded.raw["data"]


def _refuse(submission: _Submission, why: str | None) -> None:
    if why is not None:
        decision = submission.decision
        raise GateRefused(
            f"{decision.conversation_id}: {submission.tool}: decision {decision.decision_id[:12]}: {why}", decision
        )


def _plain_copy(arguments: Arguments) -> dict[str, Any] | None:
    """A copy of the arguments; None where they are no plain JSON."""
    try:
        copied: dict[str, Any] = orjson.loads(orjson.dumps(dict(arguments)))
    except (TypeError, ValueError):
        return None
    return copied


def _digest(decision: Decision, action_id: str, tool: str, arguments: dict[str, Any]) -> str | None:
    """The digest of what is about to run; None where the contract has none for it."""
    try:
        canonical_arguments = canonical(arguments)
    except (TypeError, ValueError):
        return None
    return action_digest(
        tenant=decision.tenant,
        agent_id=decision.agent_id,
        conversation_id=decision.conversation_id,
        execution_id=decision.execution_id,
        action_id=action_id,
        tool=canonical_tool(tool),
        arguments=canonical_arguments,
    )
