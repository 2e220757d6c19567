"""What the fold remembers: one head per conversation, one state per partition.

A head is small (counters, guard, runs, open approvals) and is written with every batch that touched it. What people
said and what agents tried lies beside it in entries, each written once (`entries.py`). Both are MessagePack; the
structs are arrays on the wire, so a field may be added at the end with a default, never removed or reordered.
"""

from base64 import b64encode

import msgspec

from handrail.schemas.errors import EngineError
from handrail.schemas.topics import STATES

VERSION = 2  # of heads, with the entries and parts that they name; a head of another version is not read


def handoff_id(digest: bytes) -> str:
    """The id of a handoff, from the twelve bytes of it that a head keeps."""
    return f"hf-{digest.hex()}"


class Execution(msgspec.Struct, array_like=True):
    """One run of an agent. Money in pico-dollars (1e-12 USD), times in milliseconds of the log."""

    id: str
    started_ms: int
    agent_id: str = ""
    steps: int = 0
    cost_pico: int = 0
    unknown: int = 0  # calls of unknown cost, and their tokens: see cost.py
    ended: bool = False
    calls: bytes = b""  # loop.repeat: see repeat.py and equal_calls.py
    recent: bytes = b""  # loop.cycle: see cycle.py
    cycle_fired: bool = False
    calls_made: int = 0  # of the last judged call: how often it was proposed since its count was reset


class Approval(msgspec.Struct, array_like=True):
    """One action or answer that waits for a human. The proposal itself lies in a part."""

    handoff: bytes  # the twelve bytes of its handoff's id
    call: bytes  # the same call proposed again gets the same handoff
    expires_ms: int
    needed: int = 1
    by: list[str] = []

    @property
    def handoff_id(self) -> str:
        """The id of the handoff in which it waits."""
        return handoff_id(self.handoff)


class OpenHandoff(msgspec.Struct, array_like=True):
    """A handoff that no human has closed. What it says besides the log lies in a part."""

    digest: bytes  # the twelve bytes of its id
    reason: bytes  # eight bytes of the digest of code, policy and rule: one open handoff for each reason
    opened_ms: int
    revision: int = 1
    due_ms: int = 0  # 0: no deadline of the customer's own request is running
    claimed_by: str = ""
    revision_min: int = 1  # an approval by somebody who saw an earlier revision does not release

    @property
    def id(self) -> str:
        """`hf-` and 24 hexadecimal digits."""
        return handoff_id(self.digest)


class Conversation(msgspec.Struct, array_like=True, tag=VERSION):
    """The head: what every decision depends on; written with each batch, so what is large lies in parts."""

    position: int = -1
    updated_ms: int = 0  # of its last record, not of a deadline
    tenant: str = "default"
    agent_id: str = ""
    agent_version: str = ""
    guard: bytes = b""  # the newest entries of the guard, see replay_guard.py
    sealed: list[int] = []  # the parts with the older ones, oldest first
    rulesets: list[bytes] = []  # digests of the bundles that answered here; the guard names them by index
    rulesets_seen: int = 0
    executions: list[Execution] = []
    steps: int = 0
    cost_pico: int = 0
    route: int = 0  # index into ROUTES; of the latest query
    owned: bool = False  # a human owns the conversation
    halt: str = ""  # the code of the halt
    classification: tuple[str, str, str, str, float, bool, str] | None = None
    underway: bytes = b""  # the newest calls that were proposed and not reported, see calls_under_way.py
    denied: bytes = b""  # calls that a human refused, 8 bytes each
    approvals: list[Approval] = []
    handoffs: list[OpenHandoff] = []
    last_handoff: bytes = b""  # as `OpenHandoff.digest`
    said: bytes = b""  # loop.response and loop.customer: see phrases.py
    channel: str = ""
    locale: str = ""
    facts: dict[str, str | int | float | bool | None] = {}
    entries_next: int = 0
    entries_first: int = 0
    attempts: int = 0  # proposals and ungoverned executions that a handoff must list
    messages: int = 0
    first_offset: int = -1
    ended_ms: int = 0  # when the last execution ended, 0 while one runs
    not_history: bool = False  # the alert about `recorded: true` of a source that is not named went out
    ended: bytes = b""  # ended executions that left `executions`
    # `customer`, `goal`, what waits for approval, and what an open handoff says (`part_of`)
    parts: dict[str, int] = {}
    parts_next: int = 0
    decisions: int = 0
    chain: bytes = b""  # the digest over all decisions so far, see schemas/chain.py


class AgentMode(msgspec.Struct, array_like=True):
    """How much an agent may do by itself; the most specific entry wins."""

    agent_id: str
    mode: str
    tenant: str = ""
    intents: list[str] = []
    share: float = 1.0
    reason: str = ""
    told_ms: int = 0  # when a person said it, by the log; of a bypass, when it was seen
    bypass: bool = False  # nobody said it: the agent acted without a decision


class PartitionState(msgspec.Struct, array_like=True):
    """What holds for all conversations of one partition. `position`: all records up to it are folded."""

    position: int = -1
    clock_ms: int = 0
    ruleset: str = ""
    modes: list[AgentMode] = []
    breakers: dict[str, str] = {}
    verified: dict[str, str] = {}
    queues: dict[str, tuple[int, int]] = {}
    baselines: dict[str, tuple[str, str]] = {}
    sequences: dict[str, int] = {}
    snapshot_ms: int = 0  # when a snapshot of this state was put on the log, see snapshot.py
    keys: list[tuple[str, list[str]]] = []  # public keys and their uses, that came with an activation, see trust.py
    sequence_floor: int = 0
    idle_floor_ms: int = 0  # conversations without a record since then are over, whatever the limit is now
    room_ms: int = 0  # the same, since they had to make room: of those less remains
    full: bool = False  # no new conversation is remembered


STATE_LOST = "state.lost"  # the halt of a conversation of which nothing sure is known any more

ROUTES = ("ai", "ai_supervised", "human")

DAY_MS = 24 * 60 * 60 * 1000


REMAINS_MS = 30 * DAY_MS  # as long as topics keep events, and rules may look back
CALLS, LOST, SUMS = "calls", "lost", "sums"  # parts: calls under way, lost ones, and counted actions
_APPROVAL, _HANDOFF = "a", "h"
_ALLOWED_MARKS = slice(16, None, 17)


def holds(head: Conversation) -> bool:
    """Whether something was decided against it, or a person has it: that is never forgotten.

    A person who resolved it has it no more when its day is over.
    """
    open_ = head.handoffs or head.approvals
    return bool(head.halt or head.denied or open_ or (head.owned and not head.ended_ms))


def remains(head: Conversation, now_ms: int, room_ms: int) -> bool:
    """Whether something of a conversation that is over is still remembered. Up to `room_ms` only what holds is."""
    lately = head.updated_ms + REMAINS_MS > now_ms and head.updated_ms > room_ms
    return holds(head) or (lately and counts(head))


def counts(head: Conversation) -> bool:
    """Whether a call of it may still be reported, or counts in a sum."""
    if b"\x01" in head.underway[_ALLOWED_MARKS]:
        return True
    return CALLS in head.parts or LOST in head.parts or SUMS in head.parts


def rested(head: Conversation) -> Conversation:
    """What remains of a conversation that is over: no words, no executions, no customer."""
    remaining = {part_of(kind, opened.id) for opened in head.handoffs for kind in (_APPROVAL, _HANDOFF)} | {
        CALLS,
        LOST,
        SUMS,
    }
    return Conversation(
        position=head.position,
        updated_ms=head.updated_ms,
        tenant=head.tenant,
        agent_id=head.agent_id,
        route=head.route,
        owned=head.owned and bool(head.halt or head.handoffs or head.approvals or not head.ended_ms),
        halt=head.halt,
        underway=head.underway,
        denied=head.denied,
        approvals=head.approvals,
        handoffs=head.handoffs,
        last_handoff=head.last_handoff,
        entries_next=head.entries_next,
        entries_first=head.entries_next,
        first_offset=head.first_offset,
        parts={name: number for name, number in head.parts.items() if name in remaining},
        parts_next=head.parts_next,
        decisions=head.decisions,
        chain=head.chain,
    )


def is_rested(head: Conversation) -> bool:
    """Whether no event came since it was `rested`."""
    return not (head.guard or head.sealed or head.executions)


def forgotten_ms(head: Conversation) -> int:
    """When the day after its end is over; 0 (never) while a handoff is open or an approval waits."""
    if not head.ended_ms or head.handoffs or head.approvals:
        return 0
    return head.ended_ms + DAY_MS


def next_deadline_ms(head: Conversation) -> int:
    """The next moment at which time alone changes something, 0 where there is none but that it may be idle."""
    if not head.approvals and not head.handoffs:
        return forgotten_ms(head) if head.ended_ms else 0
    due = [approval.expires_ms for approval in head.approvals]
    due += [opened.due_ms for opened in head.handoffs if opened.due_ms]
    return min(due, default=0)


encode = msgspec.msgpack.Encoder().encode
decode_conversation = msgspec.msgpack.Decoder(Conversation).decode
decode_partition = msgspec.msgpack.Decoder(PartitionState).decode

PARTITION_KEY = b"\x00partition"
ATTESTED_KEY = b"\x00attested"  # says which records are the owners', see engine/attestation.py
ENTRY_MARK = b"\x00"  # no conversation id holds it, so `<id>\0<n>` meets no other key
PART_MARK = b"p"
PART_DIGITS = 10  # 40 bits of a digest distinguish the open handoffs of one conversation: seven letters in base 64


def unreadable(key: bytes, error: Exception) -> EngineError:
    """What ends a worker that finds such a state: to go on without it would be to decide without it."""
    return EngineError(
        f"{STATES}: the state under key {key!r} cannot be read ({error}): a worker of another version has written it, "
        "or something else: start that version, or stop all workers, delete this topic and their consumer group, and "
        "start them: they fold the log anew"
    )


def entry_key(conversation_id: str, number: int) -> bytes:
    """The changelog key of one entry of a conversation."""
    return conversation_id.encode() + ENTRY_MARK + str(number).encode()


def part_key(conversation_id: str, number: int) -> bytes:
    """The changelog key of one part of a conversation's head."""
    return conversation_id.encode() + ENTRY_MARK + PART_MARK + str(number).encode()


def live_parts(head: Conversation) -> set[int]:
    """The numbers of the parts that the head names."""
    return {*head.parts.values(), *head.sealed}


def part_of(kind: str, handoff_id: str) -> str:
    """The name of a handoff's part: `a` what waits for approval, `h` what it says. Short, for it lies in the head."""
    return kind + b64encode(bytes.fromhex(handoff_id.removeprefix("hf-")[:PART_DIGITS])).decode().rstrip("=")
