"""What Kafka's client raises, in one line: of a broker that is not there or goes away, and of one that says no."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    KafkaUnavailableError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from handrail.schemas.errors import ConfigError

FORBIDDEN = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)
AWAY = "is it running, and is the address right?"


@contextmanager
def reachable(bootstrap: str) -> Iterator[None]:
    """What Kafka's client raises, as one line. Raises ConfigError."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise unreachable(bootstrap, error) from error


def unreachable(bootstrap: str, error: Exception, away: str = AWAY, asked: str = "") -> ConfigError:
    """The line of an error: `away` is asked only of a broker that may be so, not of one that answered."""
    what = " ".join(str(error).split()) or type(error).__name__
    return ConfigError(f"broker {bootstrap}: {asked and f'{asked}: '}{what}: {_todo(error, away)}")


def _todo(error: Exception, away: str) -> str:
    if isinstance(error, FORBIDDEN):
        return "it answers, and does not let this client in: mend its ACLs, or the name and password given"
    return away if _may_be_away(error) else "it answers, so it is none of the address: mend what is said there"


def _may_be_away(error: Exception) -> bool:
    """What comes of codecs and records is an OSError too, of gzip, but not of the system."""
    if isinstance(error, KafkaError):
        return bool(error.retriable) or isinstance(error, KafkaTimeoutError | KafkaUnavailableError)
    return isinstance(error, TimeoutError) or (isinstance(error, OSError) and error.errno is not None)
