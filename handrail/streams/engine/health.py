"""Whether a worker is well, and whether it governs: what /healthz and /readyz answer."""

from handrail.streams.answer import Answer
from handrail.streams.engine.partitions import Partitions

# A broker that does not answer ends the worker after 30 s; what has not moved in twice that does not by itself.
STUCK_S_MAX = 60.0


def healthy(partitions: Partitions) -> Answer:
    """No, where records have waited for STUCK_S_MAX and none was delivered: start the worker again."""
    for tp, pipeline in sorted(partitions.pipelines.items()):
        if pipeline.stuck_s > STUCK_S_MAX:
            return Answer(f"{tp.topic}[{tp.partition}]: nothing delivered for {pipeline.stuck_s:.0f} s, records wait")
    return Answer()


def ready(partitions: Partitions) -> Answer:
    """Yes, where partitions are assigned, and each is recovered and governed; a worker may have none of them."""
    states = {str(tp.partition): "recovering" for tp in partitions.starting}
    for tp, pipeline in partitions.pipelines.items():
        states[str(tp.partition)] = "governed" if pipeline.governed.is_set() else "no active policies"
    told = {"partitions": dict(sorted(states.items()))}
    if not partitions.assigned:
        return Answer("no partitions are assigned yet", told)
    for number, state in told["partitions"].items():
        if state != "governed":
            return Answer(f"partition {number}: {state}", told)
    return Answer("", told)
