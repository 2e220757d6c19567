"""The calls under way: proposed, and not reported as executed yet.

An entry is 17 bytes: 8 of the action id's digest, 8 of the call's, and its mark. The newest are in the head, the others
in a part, which is written again only when the head is full: until then the head marks those of them that have ended.
Of allowed calls beyond ALLOWED_MAX eight bytes each are left, which show once that the call was allowed.
"""

from hashlib import sha256
from typing import Any

from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.finding import BLOCK, Finding
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.state import CALLS, DAY_MS
from handrail.streams.governor.state import LOST as PART_LOST
from handrail.streams.governor.working_conversation import WorkingConversation

ALLOWED_MAX = 256
NOT_ALLOWED_MAX = 64
LOST_MAX = 1024
ENTRY, NAME, WHO, LOST = 17, 8, 16, 8  # bytes: an entry, its id, its id and call, what is left of one
NEWEST_MAX = 12 * ENTRY
NOT_ALLOWED, ALLOWED, ENDED = b"\x00", b"\x01", b"\x02"


def find(entries: bytes, name: bytes) -> int:
    """Where the entry with these first bytes begins; -1 where there is none."""
    at = entries.find(name)
    while at >= 0 and at % ENTRY:
        at = entries.find(name, at + 1)
    return at


def begun(conversation: WorkingConversation, call: ActionCall, allowed: bool) -> None:
    """Note a proposal, allowed or not. An earlier one under the same id does not count any more."""
    _note(conversation, who(call) + (ALLOWED if allowed else NOT_ALLOWED))


def known(conversation: WorkingConversation, call: ActionCall) -> tuple[bool, bytes]:
    """(whether anything was proposed under its id, `ALLOWED` or `NOT_ALLOWED` where it was this call, else nothing)."""
    name = who(call)
    entry = _entry(conversation, name[:NAME])
    if not entry or entry[WHO:] == ENDED:
        return False, b""
    return True, entry[WHO:] if entry[:WHO] == name else b""


def ended(conversation: WorkingConversation, call: ActionCall) -> None:
    """Note that the call has ended: its permission is used up."""
    head, name = conversation.head, who(call)[:NAME]
    at = find(head.underway, name)
    if CALLS in head.parts and find(conversation.part(CALLS), name) >= 0:
        _note(conversation, who(call) + ENDED)
    elif at >= 0:
        head.underway = head.underway[:at] + head.underway[at + ENTRY :]


def was_allowed(context: FoldContext, call: ActionCall, ended: bool) -> bool:
    """Whether it is one of the allowed calls that left; with `ended` it is used up. One low alert a day says so."""
    conversation = context.conversation
    if PART_LOST not in conversation.head.parts:
        return False
    said_ms, lost = conversation.part(PART_LOST)
    at = _find_lost(lost, _short(who(call)))
    if at < 0:
        return False
    again = context.now_ms - said_ms >= DAY_MS
    if again:
        said_ms = context.now_ms
        _alert(context, call)
    if ended:
        lost = lost[:at] + lost[at + LOST :]
    if again or ended:
        conversation.put(PART_LOST, [said_ms, lost])
    return True


def too_many(context: FoldContext) -> Finding | None:
    """Blocks when so many allowed calls were never reported that one more could not be recognised as allowed."""
    conversation = context.conversation
    if PART_LOST not in conversation.head.parts or len(conversation.part(PART_LOST)[1]) < LOST_MAX * LOST:
        return None
    most = ALLOWED_MAX + LOST_MAX
    message = f"{most} actions of this conversation were allowed, and nothing was told of how they ended: tell it."
    return Finding("limit.underway", BLOCK, message, {"field": "underway", "threshold": most}, escalate=False)


def who(call: ActionCall) -> bytes:
    """The action, and what it does."""
    return sha256(call.action_id.encode()).digest()[:NAME] + call.key


def _entry(conversation: WorkingConversation, name: bytes) -> bytes:
    entries = conversation.head.underway
    at = find(entries, name)
    if at < 0 and CALLS in conversation.head.parts:
        entries = conversation.part(CALLS)
        at = find(entries, name)
    return entries[at : at + ENTRY] if at >= 0 else b""


def _note(conversation: WorkingConversation, entry: bytes) -> None:
    entries = conversation.head.underway
    at = find(entries, entry[:NAME])
    if at >= 0:
        entries = entries[:at] + entries[at + ENTRY :]
    entries += entry
    conversation.head.underway = entries
    if len(entries) >= NEWEST_MAX:
        _merge(conversation)


def _merge(conversation: WorkingConversation) -> None:
    """Move the newest to the others; those that have ended leave, and the oldest beyond the bounds."""
    head = conversation.head
    others: bytes = conversation.part(CALLS) if CALLS in head.parts else b""
    newest = head.underway
    if not others and ENDED not in newest[WHO::ENTRY]:
        others, newest = newest, b""
    for start in range(0, len(newest), ENTRY):
        entry = newest[start : start + ENTRY]
        at = find(others, entry[:NAME])
        if at >= 0:
            others = others[:at] + others[at + ENTRY :]
        if entry[WHO:] != ENDED:
            others += entry
    head.underway = b""
    others, lost = _bounded(others)
    if lost:
        _lose(conversation, lost)
    if others:
        conversation.put(CALLS, others)
    elif CALLS in head.parts:
        conversation.drop(CALLS)


def _bounded(entries: bytes) -> tuple[bytes, list[bytes]]:
    """(the entries within the bounds, the allowed ones that left)."""
    lost: list[bytes] = []
    if len(entries) <= NOT_ALLOWED_MAX * ENTRY:
        return entries, lost
    for mark, most in ((ALLOWED, ALLOWED_MAX), (NOT_ALLOWED, NOT_ALLOWED_MAX)):
        marks = entries[WHO::ENTRY]
        for _ in range(marks.count(mark) - most):
            at = marks.find(mark)
            if mark == ALLOWED:
                lost.append(entries[at * ENTRY : at * ENTRY + WHO])
            entries = entries[: at * ENTRY] + entries[at * ENTRY + ENTRY :]
            marks = marks[:at] + marks[at + 1 :]
    return entries, lost


def _lose(conversation: WorkingConversation, left: list[bytes]) -> None:
    said_ms, lost = conversation.part(PART_LOST) if PART_LOST in conversation.head.parts else (0, b"")
    conversation.put(PART_LOST, [said_ms, lost + b"".join(map(_short, left))])


def _short(name: bytes) -> bytes:
    return sha256(name).digest()[:LOST]


def _find_lost(lost: bytes, short: bytes) -> int:
    at = lost.find(short)
    while at >= 0 and at % LOST:
        at = lost.find(short, at + 1)
    return at


def _alert(context: FoldContext, call: ActionCall) -> None:
    evidence: dict[str, Any] = {"action_id": call.action_id, "tool": call.named, "allowed_max": ALLOWED_MAX}
    message = f"more than {ALLOWED_MAX} calls are under way: what ran was allowed, and more is not known of it"
    raise_alert(context, "unknown", "low", message, **evidence)
