"""What can stop an agent: a `GovernanceError` around an action means that it was not allowed.

HandrailError
├── ConfigError           the client is used wrongly: a bad address, another event loop, a forked process
├── SchemaError           an event is not what the contract says: nothing was sent
└── GovernanceError       do not act
    ├── Blocked           the verdict is `block`, of a rule, a limit or a person
    ├── Halted            the verdict is `halt`: nothing of this conversation is allowed any more
    ├── NeedsApproval     a person has to approve it, and nobody has (yet)
    ├── NoDecision        nothing was decided in time
    │   └── Unreachable   Kafka or Handrail's topics cannot be reached
    ├── Unusable          a decision came that is for another action, or is too old to act on
    ├── GateRefused       the gate in front of the action does not let it through
    │   ├── AlreadyClaimed  its decision was acted on before, or is being
    │   └── GateClosed    the gate itself cannot work
    └── NotRecorded       what happened could not be put on the log; the one case where the action may have run

`str()` is one line with the reasons, for logs and operators; `customer_message` can be said aloud.
"""

from typing import Any

from handrail.client.claim import Claim
from handrail.schemas.errors import HandrailError
from handrail.schemas.outputs import Decision

SAYS_NOTHING = "I can't do that right now; please give me a moment or ask for a colleague."


class GovernanceError(HandrailError):
    """Do not act.

    Attributes
    ----------
    decision : Decision or None
        What was decided; None where nothing was.
    customer_message : str
        A sentence that is safe to say to the customer.
    """

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        self.decision = decision
        self.customer_message = (decision and decision.customer_message) or SAYS_NOTHING
        super().__init__(message)


class Blocked(GovernanceError):
    """The verdict is `block`; the same call again will hardly fare better."""


class Halted(GovernanceError):
    """The verdict is `halt`: stop working on this conversation, a human has it now."""


class NeedsApproval(GovernanceError):
    """A person has to approve it: the agent did not wait, or nobody answered in time."""


class NoDecision(GovernanceError):
    """Nothing was decided in time, so nothing is allowed; `decision` is None."""


class Unreachable(NoDecision):
    """Kafka or the topics of Handrail cannot be reached; `decision` is None."""


class Unusable(GovernanceError):
    """The decision is for another action than the one that was proposed, or it is too old to act on."""


class GateRefused(GovernanceError):
    """The gate does not let the action through; it has not run."""


class AlreadyClaimed(GateRefused):
    """The decision was acted on before, or is being.

    Attributes
    ----------
    claim : Claim
        When, by which process, and how that ended; `ended_ms` is None where it is not known.
    """

    def __init__(self, message: str, claim: Claim) -> None:
        self.claim = claim
        super().__init__(message)


class GateClosed(GateRefused):
    """The gate does not know whether the action has run: its file cannot be written, or the clock was set back."""


class NotRecorded(GovernanceError):
    """An event is not acknowledged by Kafka; whether it is on the log is not known.

    Attributes
    ----------
    result : object
        What the tool returned where this was its `action.executed`; None else. Do not run it again to get it.
    """

    result: Any = None


def refusal(decision: Decision, what: str) -> GovernanceError:
    """The error for a verdict other than `allow`; `what` names the proposal."""
    kinds = {"block": (Blocked, "blocked"), "halt": (Halted, "halted"), "require_approval": (NeedsApproval, "waits")}
    error, word = kinds[decision.verdict]
    return error(f"{what}: {word}: {reasons(decision)}", decision)


def reasons(decision: Decision) -> str:
    """The reasons in one line: `Refund of $900 is too high. (refunds/too-high) (+1 more)`."""
    enforced = [reason for reason in decision.reasons if reason.mode == "enforce"]
    if not enforced:
        return "no reasons came with it"
    first = enforced[0]
    rule = f"{first.policy_id}/{first.rule_id}" if first.rule_id else first.code
    more = f" (+{len(enforced) - 1} more)" if len(enforced) > 1 else ""
    return f"{' '.join(first.message.split())} ({rule}){more}"
