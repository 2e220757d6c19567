"""Whether the shares of one day have shifted from the baseline's, and from the day before (`psi`)."""

from dataclasses import dataclass

from handrail.streams.quality.psi import LARGE, Counts, noise, parts, psi

N_MIN, BASELINE_N_MIN = 20, 100


@dataclass(frozen=True, slots=True)
class Shift:
    """One measure of one day. `parts` is what each bin adds to `psi_baseline`, the largest first."""

    n: int
    baseline_n: int
    psi_baseline: float
    psi_noise: float
    psi_yesterday: float | None
    parts: dict[str, float]

    @property
    def alarm(self) -> bool:
        """Whether it is large, and more than chance."""
        return self.psi_baseline >= LARGE and self.psi_baseline > self.psi_noise


def shift(baseline: Counts, day: Counts, yesterday: Counts) -> Shift | None:
    """None where the day or the baseline has not enough to speak."""
    n, baseline_n = sum(day.values()), sum(baseline.values())
    if n < N_MIN or baseline_n < BASELINE_N_MIN:
        return None
    before = psi(yesterday, day) if sum(yesterday.values()) >= N_MIN else None
    return Shift(n, baseline_n, psi(baseline, day), noise(baseline, day), before, parts(baseline, day))
