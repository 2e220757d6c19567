"""What the human tier's tools are told: where the log is, and who is speaking."""

import getpass
from pathlib import Path

from pydantic import Field

from handrail.schemas.errors import ConfigError
from handrail.schemas.fields import By, Identity
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
