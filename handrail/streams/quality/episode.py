"""One alert an episode: it begins with a day on which the detector fires, and ends after QUIET_DAYS without."""

from dataclasses import dataclass

QUIET_DAYS = 7


@dataclass(frozen=True, slots=True)
class Episode:
    """`quiet_days` since it fired last; None: no episode is open."""

    quiet_days: int | None = None


def observe(state: Episode, alarm: bool) -> tuple[Episode, bool]:
    """The state after one more day on which the detector could speak, and whether an episode begins with it."""
    if alarm:
        return Episode(0), state.quiet_days is None
    if state.quiet_days is None or state.quiet_days + 1 >= QUIET_DAYS:
        return Episode(), False
    return Episode(state.quiet_days + 1), False
