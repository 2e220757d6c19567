"""How far the sink is behind the log."""

from handrail.doctor.broker import Broker
from handrail.doctor.line import Line, ok, warn
from handrail.doctor.place import Place
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.reading import beginnings
from handrail.supervisor.stored import BROKER_S_MAX, log_ends, missing, offsets

BEHIND = 10_000


async def look(place: Place, broker: Broker) -> list[Line]:
    """The log's end minus the offsets that are stored of this cluster, as readers see them."""
    last = await log_ends(place.bootstrap)
    if not last:
        return []
    first = await beginnings(place.bootstrap, last, timeout_s=BROKER_S_MAX)
    try:
        stored = offsets(place.data, broker.cluster_id)
    except ConfigError:
        return []  # the check of the database says what is wrong with it
    count = missing(last, {tp: max(start, stored.get(tp, 0)) for tp, start in first.items()})
    told = f"{count} records of the log of {broker.cluster_id} are not in what readers see"
    if not stored and count:
        return [warn("sink", told, f"nothing of it is stored: start `handrail sink --data {place.data}`")]
    if count > BEHIND:
        return [warn("sink", told, "does a sink run? `handrail up` starts one; see its log")]
    return [ok("sink", told)]
