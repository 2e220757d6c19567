"""Settings of the audit's commands: where the log is."""

from pydantic import Field

from handrail.streams.settings import Settings


class AuditSettings(Settings):
    """Where the topics are."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
