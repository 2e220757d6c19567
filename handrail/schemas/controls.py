"""Control records: what else can influence a decision, in the partition where it acts."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from handrail.schemas import event_types
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.fields import Count, Identity, Json, Model, Name, Ruleset, Shape, Share, Time
from handrail.schemas.keys import Use, public_of
from handrail.schemas.strict_json import INTEGER_MAX

CONTROL_KEY = "control"
KEYS_MAX = 100


def _key(line: str) -> str:
    try:
        public_of(line)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return line


def _moment(text: str) -> str:
    try:
        to_ms(text)
    except SchemaError as error:
        raise ValueError(str(error)) from None
    return text


class Control(Shape):
    """Who says it, in which partition, as which of what they say; signed (schemas/signature.py)."""

    issuer: Name | None = None
    key_id: Name | None = None
    partition: Count | None = None
    seq: Annotated[int, Field(ge=0, le=INTEGER_MAX)] | None = None
    signature: str | None = None


class BroughtKey(Shape):
    """A public key, and what it may sign."""

    public: Annotated[str, AfterValidator(_key)]
    uses: list[Use]


class PoliciesActivated(Control):
    """From here on this bundle decides in this partition, and these keys count where it names none."""

    ruleset: Ruleset
    keys: Annotated[list[BroughtKey], Field(max_length=KEYS_MAX)] | None = None
    by: Json = None
    reason: str | None = None


class AgentMode(Control):
    """How far an agent may go by itself: the most specific record wins."""

    agent_id: Identity
    mode: Literal["ai", "supervised", "human"]
    tenant: Identity | None = None
    intents: list[str] | None = None
    share: Share | None = None
    reason: str | None = None
    by: Json = None
    evidence: Json = None


class Place(Shape):
    """A record of `agent.events.v1`."""

    partition: Count
    offset: Count


class AgentSupervised(Control):
    """An agent acted without a decision, in another partition: it is supervised at least, until a person says more.

    Workers write it. `at` is when it was seen there: what a person has said since then counts more.
    """

    agent_id: Identity
    reason: Literal["bypass"]
    origin: Place
    at: Annotated[Time, AfterValidator(_moment)]


class ModelVerified(Control):
    """A model has passed its regression, and may answer unsupervised again."""

    agent_id: Identity
    model: Model
    by: Json = None


class BreakerChanged(Control):
    """A circuit breaker of an agent and a model opened or closed."""

    agent_id: Identity
    model: Json = None
    state: Literal["closed", "open", "half_open"]
    reason: str | None = None


class QueueState(Control):
    """How many wait in a queue of the human tier, and how long, in seconds."""

    queue: Name
    open: Annotated[int, Field(ge=0)]
    wait_s: Count


class BaselineSet(Control):
    """The days that an agent's drift is measured against."""

    agent_id: Identity
    intent: str | None = None
    from_: Annotated[str, Field(alias="from")]
    to: str
    by: Json = None


class Snapshot(Control):
    """The partition's state as the fold has it after the record at `position`: where `verify` can begin."""

    position: Annotated[int, Field(ge=0)]
    state: dict[str, Any]


class Memory(Control):
    """A partition remembers as many conversations as it may: `leaving` of `remembered` make room, which had no record
    since `before_ms` (log time, ms since 1970). With `full` no new one is remembered.
    """

    before_ms: Annotated[int, Field(ge=0, le=INTEGER_MAX)]
    full: bool
    remembered: Annotated[int, Field(ge=0)]
    leaving: Annotated[int, Field(ge=0)]
    conversations_max: Annotated[int, Field(ge=0)]


class Tick(Control):
    """Time passes: written while something is due."""


class Resolution(Control):
    """The copy of what a human did; `source` and `id` are the original's identity, `type` its type."""

    type: Literal["handrail.resolution.v1", "handrail.handoff.claimed.v1"]
    source: str
    id: Name
    resolution: dict[str, Any]


class Forget(Control):
    """What was said and tried in the conversation of the subject is forgotten; what was decided against it stays."""

    reason: str | None = None
    by: Json = None


class Grant(Control):
    """The ledger's answer to a request against a budget."""

    grant: Json = None


CONTROLS: dict[str, type[Control]] = {
    event_types.POLICIES_ACTIVATED: PoliciesActivated,
    event_types.AGENT_MODE: AgentMode,
    event_types.AGENT_SUPERVISED: AgentSupervised,
    event_types.MODEL_VERIFIED: ModelVerified,
    event_types.BREAKER_CHANGED: BreakerChanged,
    event_types.QUEUE_STATE: QueueState,
    event_types.BASELINE_SET: BaselineSet,
    event_types.SNAPSHOT: Snapshot,
    event_types.MEMORY: Memory,
    event_types.TICK: Tick,
    event_types.RESOLUTION_COPY: Resolution,
    event_types.GRANT: Grant,
    event_types.FORGET: Forget,
}
OF_A_CONVERSATION = frozenset({event_types.RESOLUTION_COPY, event_types.FORGET, event_types.GRANT})
