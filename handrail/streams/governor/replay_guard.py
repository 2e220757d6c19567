"""The replay guard: the last 64 identities of a conversation, and what each was answered.

Kafka and producers may deliver twice. The same identity with the same content counts once and gets the same answer
again; with other content it is refused. One entry is 18 bytes: 7 of the identity's digest, 4 of the content's, one for
the answer, and 6 for the end of what was allowed (milliseconds of the log, 0: none), so that a permission does not
grow longer by being asked for again. Seven bytes let a record be taken for another one in about 1e-15 of all cases.
"""

from hashlib import sha256

REMEMBERED = 64
ENTRY = 18
IDENTITY, CONTENT, END = 7, 4, 6
ANSWER: int = IDENTITY + CONTENT  # where it stands in an entry
UNANSWERED = 0xFF
BLOCK: int = 8 * ENTRY  # so many bytes at the guard's end lie in the head, the others in sealed blocks of that size


def entry_of(source: str, event_id: str, event_type: str, content: bytes) -> bytes:
    """The first eleven bytes of an entry: who said it, and what was said (canonical JSON of `data`)."""
    identity = sha256(f"{len(source)}:{source}{event_id}".encode()).digest()
    return identity[:IDENTITY] + sha256(event_type.encode() + b"\x00" + content).digest()[:CONTENT]


def lookup(guard: bytes, entry: bytes) -> tuple[bool, int | None]:
    """(known identity, answer). The answer is None where the content differs from what is remembered."""
    at = _find(guard, entry)
    if at < 0:
        return False, None
    same = guard[at + IDENTITY : at + ANSWER] == entry[IDENTITY:]
    return True, guard[at + ANSWER] if same else None


def ends_ms(guard: bytes, entry: bytes) -> int:
    """When what this known identity was allowed ends, by the log; 0 where nothing was allowed."""
    at = _find(guard, entry)
    return int.from_bytes(guard[at + ANSWER + 1 : at + ENTRY], "big")


def remember(guard: bytes, entry: bytes, answer: int, ends_ms: int = 0) -> bytes:
    """The guard with one more entry; the oldest leaves when there are 64."""
    others = guard if len(guard) < REMEMBERED * ENTRY else guard[ENTRY:]
    return others + entry + bytes((answer,)) + ends_ms.to_bytes(END, "big")


def _find(guard: bytes, entry: bytes) -> int:
    at = guard.find(entry[:IDENTITY])
    while at >= 0 and at % ENTRY:
        at = guard.find(entry[:IDENTITY], at + 1)
    return at


def pack(verdict: int, route: int, ruleset: int) -> int:
    """An answer in one byte: verdict (2 bits), route (2 bits), which of the last 16 bundles (4 bits)."""
    return verdict | route << 2 | ruleset << 4


def unpack(answer: int) -> tuple[int, int, int]:
    """(verdict, route, which bundle), the reverse of `pack`."""
    return answer & 3, answer >> 2 & 3, answer >> 4
