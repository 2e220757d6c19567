"""How often something may be tried: a bucket per key, and a delay that grows with each failure."""

from collections import OrderedDict
from dataclasses import dataclass

KEYS_MAX = 10_000  # the one longest unused is forgotten
DELAY_S_MAX = 60.0
FREE_FAILURES = 4
FORGOTTEN_S = 3_600.0


@dataclass(slots=True)
class _Level:
    tokens: float
    at_s: float


class Buckets:
    """Token buckets: `per_min` a minute, `burst` at once."""

    def __init__(self, per_min: float, burst: float, keys_max: int = KEYS_MAX) -> None:
        self._rate, self._burst, self._keys_max = per_min / 60, burst, keys_max
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def take(self, key: str, now_s: float) -> float:
        """Seconds to wait: 0 where it may happen now, and then it counts."""
        level = self._levels.setdefault(key, _Level(self._burst, now_s))
        self._levels.move_to_end(key)
        level.tokens = min(self._burst, level.tokens + max(0.0, now_s - level.at_s) * self._rate)
        level.at_s = now_s
        _bound(self._levels, self._keys_max)
        if level.tokens >= 1:
            level.tokens -= 1
            return 0.0
        return (1 - level.tokens) / self._rate


@dataclass(slots=True)
class _Failures:
    count: int
    until_s: float
    at_s: float


class Delays:
    """After a few free failures each one doubles the wait, up to a minute; an hour without one forgets them."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until it may be tried again; 0: now."""
        failures = self._failures.get(key)
        return 0.0 if failures is None else max(0.0, failures.until_s - now_s)

    def failed(self, key: str, now_s: float) -> None:
        """One more failure."""
        failures = self._failures.setdefault(key, _Failures(0, now_s, now_s))
        self._failures.move_to_end(key)
        if now_s - failures.at_s > FORGOTTEN_S:
            failures.count = 0
        failures.count, failures.at_s = min(failures.count + 1, 64), now_s
        over = failures.count - FREE_FAILURES
        failures.until_s = now_s + (min(DELAY_S_MAX, 2.0 ** (over - 1)) if over > 0 else 0.0)
        _bound(self._failures, self._keys_max)

    def passed(self, key: str) -> None:
        """It went well: forget the failures."""
        self._failures.pop(key, None)


def _bound(entries: "OrderedDict[str, _Level] | OrderedDict[str, _Failures]", keys_max: int) -> None:
    while len(entries) > keys_max:
        entries.popitem(last=False)
