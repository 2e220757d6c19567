"""Since when a mean has been elsewhere: the onset of a one-sided CUSUM (E. Page, Continuous inspection schemes, 1954).

Day by day, sums of what is beyond half of the smallest shift that counts:

    s_d = max(0, s_(d-1) + direction * (mean_d - before) - slack)

The shift began after the last day on which s was 0.
"""

from collections.abc import Sequence
from datetime import date

from handrail.streams.quality.interval import Daily


def onset(days: Sequence[Daily], before: float, direction: int, bound: float) -> date:
    """The first day of the shift. `days` is not empty, in order; `direction` 1: upwards, -1: downwards."""
    told = [one for one in days if one.n]
    since, beyond = told[0].day, 0.0
    for one, after in zip(told, [*told[1:], None], strict=True):
        beyond = max(0.0, beyond + direction * (one.total / one.n - before) - bound / 2)
        if beyond == 0 and after is not None:
            since = after.day
    return since
