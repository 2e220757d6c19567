"""What the desk is told."""

from pathlib import Path

from pydantic import Field

from handrail.streams.address import Address
from handrail.streams.settings import Settings


class WebSettings(Settings):
    """Where the log is, where the page is, and which key signs what people say."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    data: Path = Field(Path("handrail-data"), description="folder of the sessions and of local users")
    key: Path | None = Field(None, description="file of the key that signs answers; without it they are not signed")
    listen: Address = Field("127.0.0.1:9470", description="HOST:PORT of the page; port 0 is a free one")
