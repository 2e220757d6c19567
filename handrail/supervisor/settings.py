"""Settings of `handrail up`."""

from pathlib import Path

from pydantic import Field

from handrail.broker.ports import HOST
from handrail.schemas.errors import ConfigError
from handrail.streams.keys import KEY_FILE
from handrail.streams.settings import Settings

PORT = 9092
EMBEDDED_SESSION_S = 6.0  # the embedded broker lets a first member in after half of it


class UpSettings(Settings):
    """Where the log is, where the data goes, and how many decide."""

    bootstrap: str | None = Field(
        None, min_length=1, description="Kafka's HOST:PORT, several with commas; without it the embedded broker"
    )
    embedded: bool | None = Field(None, description="start the embedded broker, at `bootstrap` where that is given")
    policies: Path | None = Field(None, description="folder of policy files; without it the bundle that is active")
    data: Path = Field(Path("handrail-data"), description="folder of the database, its snapshot and the logs")
    key: Path | None = Field(None, description="file of the key that signs decisions; without it one in `data`")
    workers: int = Field(1, ge=1, le=64, description="how many workers; more than partitions have nothing to do")
    http_port: int = Field(
        9464, ge=0, le=65_000, description="metrics of the sink at this port, of worker n at port + n; 0: none"
    )
    desk_port: int = Field(9470, ge=0, le=65_535, description="the desk is at this port of 127.0.0.1; 0: there is none")
    session_timeout_s: float | None = Field(
        None, ge=1, le=1800, description="a worker that is silent for so long has lost its partitions"
    )
    broker_away_s: float = Field(
        300.0, gt=0, description="a broker that has not answered for so long is lost, and everything ends"
    )
    snapshot_s: float = Field(2.0, gt=0, description="how often a snapshot is taken, when something has changed")

    @property
    def own_broker(self) -> bool:
        """Whether the embedded broker is started. Raises ConfigError where neither it nor an address is wanted."""
        if self.embedded is False and self.bootstrap is None:
            raise ConfigError("embedded: no broker is wanted, and none is named: give --bootstrap HOST:PORT")
        return self.bootstrap is None if self.embedded is None else self.embedded

    @property
    def own_port(self) -> int | None:
        """Where the embedded broker listens; None: any free port. Raises ConfigError where it cannot listen there."""
        if self.bootstrap is None:
            return PORT
        host, _, port = self.bootstrap.rpartition(":")
        if host not in (HOST, "localhost") or not port.isdecimal() or int(port) > 65_535:
            raise ConfigError(
                f"--bootstrap {self.bootstrap}: the embedded broker listens on {HOST} only: give {HOST}:PORT, "
                "or leave --embedded out to use the broker there"
            )
        return int(port) or None

    @property
    def key_file(self) -> Path:
        """Where the workers' key is."""
        return self.data / KEY_FILE if self.key is None else self.key

    @property
    def desk_at(self) -> str | None:
        """HOST:PORT of the desk; None where there is none."""
        return f"{HOST}:{self.desk_port}" if self.desk_port else None

    @property
    def session_s(self) -> float | None:
        """The workers' session timeout; None: their default."""
        return EMBEDDED_SESSION_S if self.session_timeout_s is None and self.own_broker else self.session_timeout_s
