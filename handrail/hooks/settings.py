"""What `handrail hooks` is told."""

from pathlib import Path

from pydantic import Field

from handrail.streams.address import Address
from handrail.streams.settings import Settings


class HooksSettings(Settings):
    """The secrets are in files that the hooks file names; none of them is a setting."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    hooks: Path = Field(Path("hooks.yaml"), description="file that names hooks and sources")
    key: Path | None = Field(None, description="file of the key that signs answers; without it they are not signed")
    hooks_group: str = Field(
        "handrail-hooks", pattern=r"^[\w.-]{1,100}$", description="consumer groups are GROUP.NAME, one a hook"
    )
    hooks_listen: Address = Field("127.0.0.1:8090", description="HOST:PORT where sources send to")
    session_timeout_s: float = Field(
        10.0, ge=1, le=1800, description="a process that is silent for so long has lost its partitions"
    )
    http: Address | None = Field(
        None, description="HOST:PORT of /metrics, /healthz and /readyz; without it there are none"
    )
