"""When something that ended is started again, and when it has ended too often. Pure: the time is handed in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `restarts_max` within `window_s`; the first after `first_s`, each later one after twice as long.

    The defaults wait 31 s in all, which outlives a broker that is started again.
    """

    restarts_max: int = 5
    window_s: float = 60.0
    first_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Ends:
    """When one process ended lately, oldest first, in seconds of any steady clock."""

    at_s: tuple[float, ...] = ()


def after_end(ends: Ends, now_s: float, limit: Limit) -> tuple[Ends, float | None]:
    """Take note of one more end; gives the seconds to wait before the restart, None where there were too many."""
    lately = (*(at_s for at_s in ends.at_s if now_s - at_s < limit.window_s), now_s)
    if len(lately) > limit.restarts_max:
        return Ends(lately), None
    return Ends(lately), limit.first_s * 2.0 ** (len(lately) - 1)
