"""What the sink is told."""

from pathlib import Path

from pydantic import Field

from handrail.streams.settings import Settings


class SinkSettings(Settings):
    """Where the records come from, where the rows go, and how old what others read may be."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    data: Path = Field(Path("handrail-data"), description="folder of the database and its snapshot")
    snapshot_s: float = Field(10.0, gt=0, description="how often a snapshot is taken, when something has changed")
