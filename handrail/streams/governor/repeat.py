"""`loop.repeat`: the same call, again and again.

The count is per call. Another call in between does not reset it. The customer's next query or own action does, the end
of the execution, a successful write, and a result of that call which changed. One call is 12 bytes: 8 of its digest,
2 of its last result's, 1 its count, and 1 how often it came whatever its results were (loops.py).
"""

CALL, KEY, RESULT = 12, 8, 2
CALLS_MAX = 32  # the least recently proposed call is forgotten
COUNT_MAX = 255


def _find(calls: bytes, key: bytes) -> int:
    at = calls.find(key)
    while at >= 0 and at % CALL:
        at = calls.find(key, at + 1)
    return at


def observe(calls: bytes, key: bytes) -> tuple[bytes, int]:
    """The state with one more proposal of `key` (8 bytes), and how often it has been proposed now."""
    at = _find(calls, key)
    if at < 0:
        others = calls if len(calls) < CALLS_MAX * CALL else calls[CALL:]
        return others + key + b"\x00" * RESULT + b"\x01\x01", 1
    count, often = min(calls[at + CALL - 2] + 1, COUNT_MAX), min(calls[at + CALL - 1] + 1, COUNT_MAX)
    entry = calls[at : at + CALL - 2] + bytes((count, often))
    return calls[:at] + calls[at + CALL :] + entry, count


def often(calls: bytes) -> int:
    """How often the call that was proposed last has been proposed, whatever its results were."""
    return calls[-1]


def result(calls: bytes, key: bytes, digest: bytes) -> tuple[bytes, bool]:
    """The state after a result of `key` (2 bytes of its digest), and whether the result changed.

    A changed result starts the count anew: the call that brought it is the first of its kind.
    """
    at = _find(calls, key)
    if at < 0:
        return calls, False
    before = calls[at + KEY : at + KEY + RESULT]
    changed = before not in (b"\x00" * RESULT, digest)
    count = 1 if changed else calls[at + CALL - 2]
    return calls[:at] + key + digest + bytes((count, calls[at + CALL - 1])) + calls[at + CALL :], changed


def written(calls: bytes, key: bytes) -> bytes:
    """The state after a successful write `key`: the world changed, so all calls but this one start anew."""
    at = _find(calls, key)
    return calls[at : at + CALL] if at >= 0 else b""
