"""The e-value of handrail/streams/quality/evalue.py for many intents at once, as arrays."""

import numpy as np
from numpy.typing import NDArray

from handrail.streams.quality.evalue import EDGE, GUESS_MIN, INSIDE, STEPS, Side

Floats = NDArray[np.float64]


def log_e(guess: tuple[Floats, Floats], arms: tuple[Floats, ...], margin: Floats, side: Side) -> Floats:
    """ln E of one day; `arms` are n_a, k_a, n_b, k_b. All of shape (intents,)."""
    n_a, k_a, n_b, k_b = arms
    p_a, p_b = (np.clip(one, GUESS_MIN, 1 - GUESS_MIN) for one in guess)
    bets = (side * (p_a - p_b + margin) > 0) & (n_a > 0) & (n_b > 0)
    found = np.zeros_like(p_a)
    some = [one[bets] for one in (p_a, p_b, n_a, k_a, n_b, k_b, margin)]
    found[bets] = _bet(*some)
    return found


def _bet(p_a: Floats, p_b: Floats, n_a: Floats, k_a: Floats, n_b: Floats, k_b: Floats, margin: Floats) -> Floats:
    q = projection(p_a, p_b, n_a, n_b, margin)
    a = q - margin
    return (
        k_a * np.log(p_a / a)
        + (n_a - k_a) * np.log((1 - p_a) / (1 - a))
        + k_b * np.log(p_b / q)
        + (n_b - k_b) * np.log((1 - p_b) / (1 - q))
    )


def projection(p_a: Floats, p_b: Floats, n_a: Floats, n_b: Floats, margin: Floats) -> Floats:
    """As `evalue.projection`, step for step."""
    low, high = np.maximum(0.0, margin) + EDGE, 1 + np.minimum(0.0, margin) - EDGE
    q = np.clip((n_a * (p_a + margin) + n_b * p_b) / np.maximum(n_a + n_b, 1), low + INSIDE, high - INSIDE)
    for _ in range(STEPS):
        a = q - margin
        va, vb = a * (1 - a), q * (1 - q)
        slope = n_a * (a - p_a) / va + n_b * (q - p_b) / vb
        bend = n_a * (va - (a - p_a) * (1 - 2 * a)) / va**2 + n_b * (vb - (q - p_b) * (1 - 2 * q)) / vb**2
        above = slope > 0
        low, high = np.where(above, low, q), np.where(above, q, high)
        following = q - slope / np.maximum(bend, 1e-9)
        q = np.where((low <= following) & (following <= high), following, (low + high) / 2)
    return q
