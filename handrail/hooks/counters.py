"""What `handrail hooks` has done since it started, for /metrics."""

from prometheus_client import CollectorRegistry, Counter, Histogram

ATTEMPT_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)


class Counters:
    """Counters by hook and by source."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"handrail_hooks_{name}", what, labels, registry=registry)

        self._attempts = counter("attempts", "Requests sent to a hook's endpoint", "hook", "outcome")
        self._delivered = counter("delivered", "Webhooks that were taken", "hook")
        self._given_up = counter("given_up", "Webhooks that became dead letters", "hook")
        self._received = counter("received", "Requests from a source", "source", "status")
        self._seconds = Histogram(
            "handrail_hooks_attempt_seconds",
            "How long an endpoint took",
            ["hook"],
            registry=registry,
            buckets=ATTEMPT_S,
        )

    def attempted(self, hook: str, taken: bool, seconds: float) -> None:
        """One request was answered, or not."""
        self._attempts.labels(hook, "taken" if taken else "failed").inc()
        self._seconds.labels(hook).observe(seconds)

    def delivered(self, hook: str) -> None:
        """One webhook was taken."""
        self._delivered.labels(hook).inc()

    def given_up(self, hook: str) -> None:
        """One webhook became a dead letter."""
        self._given_up.labels(hook).inc()

    def received(self, source: str, status: int) -> None:
        """One request was answered."""
        self._received.labels(source, str(status)).inc()
