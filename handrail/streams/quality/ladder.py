"""The rungs of an intent and what each takes, fitted to how many conversations there are a day."""

from dataclasses import dataclass, replace

HUMAN, SUPERVISED = -2, -1
HOLDOUT_SHARE_MIN = 0.1
SMALL_N_DAY, SMALL_MARGIN, SMALL_SHARE_MAX = 40, 0.1, 0.5
APART = 1e-9


@dataclass(frozen=True, slots=True)
class Ladder:
    """Shares of conversations that the AI answers alone, rung by rung, and what a step takes.

    Attributes
    ----------
    shares
        Rising, inside (0, 1): people keep a part at every rung.
    margin, alpha
        By how much the AI may be worse, as a difference of rates; the probability of any wrong rise, ever.
    fall_margin
        None: what was shown when the intent rose, at most `margin` and at least `fall_floor` of it: an AI that rose by
        luck is not held to its luck.
    fall_arl_days
        Days after which an intent that holds the fall margin falls by chance, in the mean, at least.
    supervised_min, approval_min
        Judged proposals before the first rung, and the share of them that people approved.
    """

    shares: tuple[float, ...] = (0.2, 0.5, 0.9)
    margin: float = 0.05
    alpha: float = 0.05
    soak_days: int = 7
    fall_margin: float | None = None
    fall_floor: float = 1 / 3
    fall_arl_days: float = 1000.0
    supervised_min: int = 100
    approval_min: float = 0.9

    def fitted(self, n_day: float, holdout_n_day: float) -> "Ladder":
        """The ladder for an intent with `n_day` conversations a day, of which people keep `holdout_n_day`.

        Below SMALL_N_DAY the top is half, whatever people would keep, and the margin at least SMALL_MARGIN: with less,
        nothing is shown within a year.
        """
        small = n_day < SMALL_N_DAY
        top = SMALL_SHARE_MAX if small else 1 - max(HOLDOUT_SHARE_MIN, min(1.0, holdout_n_day / n_day))
        shares = tuple(share for share in self.shares if share < top - APART)
        if len(shares) < len(self.shares) and top > APART:
            shares = (*shares, top)
        return replace(self, shares=shares, margin=max(self.margin, SMALL_MARGIN) if small else self.margin)
