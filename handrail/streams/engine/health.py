"""Whether a worker is well, and whether it governs: what /healthz and /readyz answer."""

from handrail.streams.engine.partitions import Partitions
from handrail.streams.probe import ProbeResult

# A broker that does not answer ends the worker after 30 s; what has not moved in twice that does not by itself.
STUCK_S_MAX = 60.0


def healthy(partitions: Partitions) -> ProbeResult:
    """No, where records have waited for STUCK_S_MAX and none was delivered: start the worker again."""
    for tp, pipeline in sorted(partitions.pipelines.items()):
        if pipeline.stuck_s > STUCK_S_MAX:
            return ProbeResult(
                f"{tp.topic}[{tp.partition}]: nothing delivered for {pipeline.stuck_s:.0f} s, records wait"
            )
    return ProbeResult()


def ready(partitions: Partitions) -> ProbeResult:
    """Yes, where partitions are assigned, and each is recovered and governed; a worker may have none of them."""
    states = {str(tp.partition): "recovering" for tp in partitions.starting}
    for tp, pipeline in partitions.pipelines.items():
        states[str(tp.partition)] = "governed" if pipeline.governed.is_set() else "no active policies"
    told = {"partitions": dict(sorted(states.items()))}
    if not partitions.assigned:
        return ProbeResult("no partitions are assigned yet", told)
    for number, state in told["partitions"].items():
        if state != "governed":
            return ProbeResult(f"partition {number}: {state}", told)
    return ProbeResult("", told)
