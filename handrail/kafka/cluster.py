"""The Kafka that a process works with: where it is, and how one logs in there."""

from dataclasses import dataclass
from typing import Any

from handrail.kafka.login import Login, LoginSettings

PLAIN = Login(LoginSettings())


@dataclass(frozen=True, slots=True)
class Cluster:
    """Handed to whatever opens a connection; `str()` is its address, for messages.

    Parameters
    ----------
    bootstrap : str
        HOST:PORT, several with commas.
    login : Login
        Without one: PLAINTEXT, as nobody.
    """

    bootstrap: str
    login: Login = PLAIN

    def __str__(self) -> str:
        return self.bootstrap

    def client(self) -> dict[str, Any]:
        """What each of aiokafka's clients takes: producer, consumer, admin client."""
        return {"bootstrap_servers": self.bootstrap, **self.login.options()}

    def connection(self) -> dict[str, Any]:
        """What a single connection takes, beside host and port; `OneLog` and `log_id` too."""
        return self.login.options()
