"""The broker that `up` works with: the embedded one, which it starts and watches, or one that is there already."""

from handrail.broker import EmbeddedBroker
from handrail.broker.embedded import PortTaken
from handrail.schemas.errors import ConfigError


class OwnBroker(EmbeddedBroker):
    """The embedded broker, watched."""

    @property
    def ended(self) -> bool:
        """Whether the process that was started is gone, though nobody stopped it."""
        return self._process is not None and self._process.poll() is not None


def start(port: int | None) -> OwnBroker:
    """The embedded broker, ready. Raises ConfigError that says what to do where the port is taken."""
    try:
        return OwnBroker(port).start()
    except PortTaken:
        address = f"127.0.0.1:{port}"
        raise ConfigError(
            f"handrail up: {address}: the port is taken: a Kafka broker there is used with --bootstrap {address}; "
            "else give the embedded one another port with --embedded --bootstrap 127.0.0.1:PORT"
        ) from None
