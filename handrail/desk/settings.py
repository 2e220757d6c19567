"""Settings of the human tier's tools: where the log is, who is speaking, and where the page is."""

import getpass
from pathlib import Path

from pydantic import Field

from handrail.schemas.errors import ConfigError
from handrail.schemas.fields import By, Identity
from handrail.streams.address import Address
from handrail.streams.settings import Settings


class DeskSettings(Settings):
    """`by` is what stands in every claim and answer; two approvals need two of them."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    key: Path | None = Field(None, description="file of the key that signs answers; without it they are not signed")
    by: Identity | None = Field(None, description="the id of the person; without it the login name")
    by_name: str | None = Field(None, description="the person's name, as others may read it")

    @property
    def person(self) -> By:
        """Who is speaking. Raises ConfigError where the machine knows no login name."""
        return By(id=self.by or _login(), name=self.by_name)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise ConfigError(
            "by: this machine has no login name: give --by ID, or set HANDRAIL_BY or `by` in handrail.yaml"
        ) from None


class WebSettings(Settings):
    """Where the log is, where the page is, and which key signs what people say."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    data: Path = Field(Path("handrail-data"), description="folder of the sessions and of local users")
    key: Path | None = Field(None, description="file of the key that signs answers; without it they are not signed")
    listen: Address = Field("127.0.0.1:9470", description="HOST:PORT of the page; port 0 is a free one")
