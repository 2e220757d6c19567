"""A broker that is not there, or goes away, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from handrail.schemas.errors import ConfigError


@contextmanager
def reachable(bootstrap: str) -> Iterator[None]:
    """What Kafka's client raises, as one line. Raises ConfigError."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise ConfigError(f"broker {bootstrap}: {error}: is it running, and is the address right?") from error
