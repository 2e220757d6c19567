"""Settings of the sink."""

from pathlib import Path

from pydantic import Field

from handrail.streams.address import Address
from handrail.streams.settings import Settings


class SinkSettings(Settings):
    """Where the records come from, where the rows go, and how old what others read may be."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    data: Path = Field(Path("handrail-data"), description="folder of the database and its snapshot")
    snapshot_s: float = Field(10.0, gt=0, description="how often a snapshot is taken, when something has changed")
    http: Address | None = Field(
        None, description="HOST:PORT of /metrics, /healthz and /readyz; without it there are none"
    )
    live: bool = Field(True, description="whether others may read the database while it is written")
    live_address: Address = Field("127.0.0.1:0", description="HOST:PORT they find it at; port 0 is a free one")
