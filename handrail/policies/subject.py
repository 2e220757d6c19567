"""The input of rules, a subject, and their output, an evaluation."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from handrail.policies.names import MISSING, Unreadable
from handrail.schemas.canonical import canonical

Action: TypeAlias = Literal["block", "require_approval", "allow"]
Mode: TypeAlias = Literal["enforce", "shadow"]

RESTRICTIVE: dict[str, int] = {"block": 0, "require_approval": 1, "allow": 2}
"""The order of actions, most restrictive first."""


class Counted(NamedTuple):
    """One action that counts: by the name of each field its number as text, None where it cannot be added."""

    at_ms: int
    offset: int
    values: Mapping[str, str | None]


class Earlier(NamedTuple):
    """What counts beside the judged proposal, oldest first, in milliseconds and offsets of the log.

    `lost_ms`: of what came until then some may have left; 0: nothing has.
    """

    actions: Sequence[Counted]
    lost_ms: int
    now_ms: int
    offset: int


class Subject(msgspec.Struct):
    """One proposal, as the rules see it. `tool` is canonical; `data` is the event's, as it came.

    `usage` holds the fields of a decision's usage, `facts` what `tools.yaml` takes from earlier results, by fact;
    `facts_by_key` by `fact_key`. `earlier` is for conditions over several actions; None: nothing came earlier.
    """

    event_type: str
    kind: str
    tenant: str
    agent_id: str
    tool: str | None = None
    arguments: Mapping[str, Any] = {}
    attributes: Mapping[str, Any] = {}
    customer: Mapping[str, Any] = {}
    usage: Mapping[str, Any] = {}
    classification: Mapping[str, Any] = {}
    facts: Mapping[str, Any] = {}
    data: Mapping[str, Any] = {}
    facts_by_key: Mapping[bytes, Any] = {}
    earlier: Earlier | None = None


def fact_key(name: str, value: Any) -> bytes | None:
    """Under what the fact `name` is kept for a value of its key: values are the same where their canonical JSON is.

    None where the value names nothing: it is absent, null, or cannot be read.
    """
    if value is MISSING or value is None or type(value) is Unreadable:
        return None
    return name.encode() + b"\x00" + sha256(canonical(value)).digest()[:16]


class RuleFinding(NamedTuple):
    """A rule that fired (`rule_id` None: the default of its policy). In mode `shadow` it is recorded, not obeyed."""

    policy_id: str
    rule_id: str | None
    action: Action
    mode: Mode
    message: str
    evidence: dict[str, Any]
    on_block: Literal["escalate", "refuse"] | None = None
    approvals_needed: int = 1
    customer_message: str | None = None


class Skipped(NamedTuple):
    """A rule that did not apply because `field` was absent. `why` says more, where there is more to say."""

    policy_id: str
    rule_id: str
    field: str
    why: str | None = None


class Evaluation(NamedTuple):
    """Every rule that fired, most restrictive first, and every rule that could not be evaluated."""

    findings: tuple[RuleFinding, ...]
    skipped: tuple[Skipped, ...]
