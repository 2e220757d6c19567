"""Settings of a worker."""

from pathlib import Path

from pydantic import Field

from handrail.streams.address import Address
from handrail.streams.settings import Settings


class WorkerSettings(Settings):
    """Nothing here changes a decision: what decides is in the bundle."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    policies: Path | None = Field(None, description="folder of policy files; without it the bundle that is active")
    key: Path | None = Field(None, description="file of the key that signs decisions; without it they are not signed")
    group: str = Field("handrail", min_length=1, description="consumer group that the workers share")
    # Kafka's brokers allow 6 s to 30 min unless configured otherwise (group.min.session.timeout.ms). A dead worker's
    # agents wait for it; the embedded broker's first member too.
    session_timeout_s: float = Field(
        10.0, ge=1, le=1800, description="a worker that is silent for so long has lost its partitions"
    )
    # Recovery of states runs beside this; what must end in time is what is being acknowledged.
    rebalance_timeout_s: float = Field(60.0, ge=1, description="a worker has so long to let partitions go")
    commit_interval_s: float = Field(0.5, gt=0, description="how often offsets are committed")
    standbys: int = Field(
        1, ge=0, le=10, description="workers that read each partition's states along, to take it over at once"
    )
    http: Address | None = Field(
        None, description="HOST:PORT of /metrics, /healthz and /readyz; without it there are none"
    )
