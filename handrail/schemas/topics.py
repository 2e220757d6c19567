"""The topics of the contract as code: what is created when it is missing, and never changed when it is there."""

from dataclasses import dataclass

AGENT_EVENTS = "agent.events.v1"
DECISIONS = "governance.decisions.v1"
HANDOFFS = "human.handoffs.v1"
RESOLUTIONS = "human.resolutions.v1"
AUDIT = "human.audit.v1"
RESERVATIONS = "governance.reservations.v1"
POLICIES = "governance.policies.v1"
ALERTS = "governance.alerts.v1"
DEADLETTERS = "governance.deadletters.v1"
STATES = "handrail.governor.states.v1"

DAY_MS = 24 * 60 * 60 * 1000
PARTITIONS = 4
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention_ms` None: kept for ever (compacted). Sizes in bytes."""

    name: str
    what: str
    retention_ms: int | None
    max_message_bytes: int = MEGABYTE + 100_000
    cleanup_policy: str = "delete"
    timestamp_type: str = "CreateTime"
    min_compaction_lag_ms: int = 0
    partitions: int = PARTITIONS
    together: bool = True  # must have as many partitions as agent.events.v1

    def configs(self) -> dict[str, str]:
        """The topic's settings as Kafka's admin client takes them."""
        settings = {
            "cleanup.policy": self.cleanup_policy,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": self.timestamp_type,
            "retention.ms": str(-1 if self.retention_ms is None else self.retention_ms),
        }
        if self.cleanup_policy == "compact":
            settings["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
        return settings


CATALOGUE: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        # 8 MB, though events may have 1 MB: a larger record is kept as a dead letter instead of being refused unseen.
        Topic(AGENT_EVENTS, "what agents do, and controls", 30 * DAY_MS, 8 * MEGABYTE, timestamp_type="LogAppendTime"),
        Topic(DECISIONS, "routes and verdicts", 90 * DAY_MS),
        Topic(HANDOFFS, "what humans get", 90 * DAY_MS),
        Topic(RESOLUTIONS, "what humans did", 90 * DAY_MS),
        Topic(AUDIT, "what people saw and did at the desk", 365 * DAY_MS, together=False),
        Topic(RESERVATIONS, "budgets that span conversations", 7 * DAY_MS, together=False),
        Topic(POLICIES, "policy bundles", None, 8 * MEGABYTE, "compact", partitions=1, together=False),
        Topic(ALERTS, "drift, bypass, sla and the like", 90 * DAY_MS),
        Topic(DEADLETTERS, "what could not be read or folded", 30 * DAY_MS, 9 * MEGABYTE),
        Topic(STATES, "the governor's changelog", None, cleanup_policy="compact", min_compaction_lag_ms=DAY_MS),
    )
}
