"""`loop.cycle`: the same sequence of 2 to 4 calls, three times in a row.

The state is the digests (4 bytes each) of the latest calls, newest last.
"""

KEY = 4
PERIODS = (2, 3, 4)
TIMES = 3
RECENT_MAX = max(PERIODS) * TIMES


def observe(recent: bytes, call: bytes) -> tuple[bytes, int]:
    """The state with one more call (its digest, of which 4 bytes are kept), and the period of the cycle it closes.

    0 means that nothing turns. A run of one and the same call is `loop.repeat`'s, not a cycle.
    """
    again = call[:KEY] in recent  # without it nothing turns
    recent = (recent + call[:KEY])[-RECENT_MAX * KEY :]
    if not again:
        return recent, 0
    for period in PERIODS:
        size = period * KEY
        last = recent[-size:]
        if recent.endswith(last * TIMES) and last != last[:KEY] * period:
            return recent, period
    return recent, 0
