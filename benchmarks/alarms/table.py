"""The tables over simulated agent-years."""

import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.alarms.peers import PEERS, cusum
from benchmarks.alarms.streams import OURS, Floats, Kind, first_alarm
from benchmarks.alarms.years import YEAR, Case, Delay, breaks, counts, erodes, stays, weekly
from benchmarks.report.tables import table
from handrail.streams.quality.detector import Direction

SDS = (0.0, 0.15)
ARL = float(YEAR)

Detector = Callable[[Floats, Floats], Floats]


def detectors(years: int, peer_years: int) -> dict[str, tuple[Detector, int]]:
    """Each by its name, with how many years it gets."""
    ours: dict[str, tuple[Detector, int]] = {
        "**day-robust e-CUSUM** (ours)": (lambda n, k: first_alarm(n, k, ARL), years),
        "e-CUSUM without f": (lambda n, k: first_alarm(n, k, ARL, Kind(robust=False)), years),
        "Shiryaev-Roberts with f": (lambda n, k: first_alarm(n, k, ARL, Kind(summed=True)), years),
        "CUSUM .05, h 6.9": (lambda n, k: cusum(n, k, 6.9), years),
    }
    return ours | {f"{peer.name}, by {peer.by}": (peer.first_alarm, peer_years) for peer in PEERS}


def compared(years: int, peer_years: int, n_day: int = 200) -> str:
    """Years of a rate of .80, 200 conversations a day: false alarms, then .80 to .75 at once, then 22 % lost slowly."""
    cases = {
        "false": [Case(n_day, sd, stays()) for sd in SDS],
        "delay": [Case(n_day, sd, breaks(), days=150) for sd in SDS],
        "erosion": [Case(n_day, sd, erodes(426), days=456) for sd in SDS],
    }
    rows = [_row(name, cases, *found) for name, found in detectors(years, peer_years).items()]
    head = ["detector", "years"]
    head += [f"years with a false alarm, sd {sd}" for sd in SDS]
    head += [f"days to see .75 (within 7), sd {sd}" for sd in SDS]
    head += [f"22 % over 14 months: day, sd {sd}" for sd in SDS] + ["ms a year"]
    return table(head, rows)


def _row(name: str, cases: dict[str, list[Case]], find: Detector, number: int) -> tuple[object, ...]:
    started = time.process_time()
    told = {kind: [find(*counts(case, number, seed=7)) for case in listed] for kind, listed in cases.items()}
    spent = (time.process_time() - started) / number / sum(map(len, cases.values())) * 1000
    false = [f"{np.mean(first >= 0):.1%}" for first in told["false"]]
    erosion = [f"{Delay.of(first).median:.0f}".replace("inf", "-") for first in told["erosion"]]
    row = (name, f"{number:,}", *false, *(str(Delay.of(first)) for first in told["delay"]), *erosion, f"{spent:.2f}")
    print(*row, sep=" | ", file=sys.stderr, flush=True)  # some take minutes
    return row


def power(years: int) -> str:
    """Ours, .80 to .75: the median day, and the share seen within a week; and years with a false alarm."""
    rows = []
    for n_day in (50, 100, 200, 400, 800, 2000):
        cells = []
        for sd in (0.0, 0.07, 0.15):
            seen = Delay.of(first_alarm(*counts(Case(n_day, sd, breaks(), days=150), years // 5, seed=8), ARL))
            false = first_alarm(*counts(Case(n_day, sd, stays()), years // 5, seed=9), ARL)
            cells += [str(seen), f"{np.mean(false >= 0):.1%}"]
        rows.append((n_day, *cells))
    head = ["a day", *(f"{what}, sd {sd}" for sd in (0.0, 0.07, 0.15) for what in ("days", "false alarms"))]
    return table(head, rows)


def odd(years: int) -> str:
    """Ours, where the days after the baseline are not like those of the baseline: years with a false alarm."""
    grown = [(f"{times:g} times as many conversations after the baseline", Case(200, 0.15, stays(), growth=times))
             for times in (0.5, 2, 5)]  # fmt: skip
    cases = [
        *grown,
        ("weekends of .70, other days of .82", Case(200, 0.15, weekly(0.70, 0.82))),
        ("neither weekends nor anything else: sd 0", Case(200, 0.0, stays())),
        ("weekends of .70, other days of .82: sd 0", Case(200, 0.0, weekly(0.70, 0.82))),
        ("a rate of .95", Case(200, 0.15, stays(0.95))),
        ("a rate of .05, upwards", Case(200, 0.15, stays(0.05))),
    ]
    rows = []
    for name, case in cases:
        direction = Direction.UP if "upwards" in name else Direction.DOWN
        told = counts(case, years // 5, seed=10)
        found = [first_alarm(*told, ARL, kind, direction) for kind in (OURS, Kind(growing=False))]
        rows.append((name, *(f"{np.mean(first >= 0):.1%}" for first in found)))
    return table(("what is other", "years with a false alarm", "with an f that does not grow with n"), rows)
