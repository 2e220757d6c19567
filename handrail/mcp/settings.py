"""The settings of a proxy session, checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from handrail.client.connection import resolve_bootstrap
from handrail.client.event import EventContext
from handrail.schemas.errors import ConfigError, SchemaError

AGENT_ID = "mcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One session: which server, for which agent, in which conversation. Times in seconds.

    Raises ConfigError where Kafka's address, a name or the gate cannot be used.
    """

    command: tuple[str, ...]
    bootstrap: str
    agent_id: str
    conversation: str
    timeout_s: float
    approval_timeout_s: float
    tenant: str | None = None
    observe: bool = False
    gate: Path | None = None
    keys: Path | None = None

    def __post_init__(self) -> None:
        resolve_bootstrap(self.bootstrap)
        if (self.gate is None) != (self.keys is None):
            raise ConfigError("--gate, --keys: give both or none: the gate's file, and whose decisions count there")
        try:
            EventContext(self.agent_id, self.conversation, self.conversation, "/mcp", self.tenant).event(
                "execution.started", {}
            )
        except SchemaError as error:
            raise ConfigError(f"--agent-id, --conversation, --tenant: {error}") from None


def new_conversation() -> str:
    """A conversation of its own for each session."""
    return f"mcp-{uuid4().hex}"
