"""What `handrail acl` is told."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from handrail.acl.roles import GROUP, HOOKS_GROUP
from handrail.kafka.cluster import Cluster
from handrail.kafka.login import Login, LoginSettings, refuse_unknown
from handrail.streams.settings import Settings


class AclSettings(Settings, LoginSettings):
    """Groups as workers and hooks are told of them; the login is that of an administrator."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    group: str = Field(GROUP, min_length=1, description="consumer group that the workers share")
    hooks_group: str = Field(
        HOOKS_GROUP, pattern=r"^[\w.-]{1,100}$", description="consumer groups are GROUP.NAME, one a hook"
    )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """As of any settings; a name that looks like one of the login's and is none is refused. Raises ConfigError."""
        settings = super().of(options)
        refuse_unknown(cls.named())
        return settings

    def cluster(self) -> Cluster:
        """Where rights are looked at and set. Raises ConfigError."""
        return Cluster(self.bootstrap, Login.of(self))
