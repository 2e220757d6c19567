"""Errors of Kafka's client as one line: of a broker that is away, and of one that refuses."""

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
    """Turns what Kafka's client raises within the block into a ConfigError."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise unreachable(bootstrap, error) from error


def unreachable(bootstrap: str, error: Exception, away: str = AWAY, asked: str = "") -> ConfigError:
    """The error with one line on what to do; `away` is that line where the broker may be away."""
    what = " ".join(str(error).split()) or type(error).__name__
    return ConfigError(f"broker {bootstrap}: {asked and f'{asked}: '}{what}: {_todo(error, away)}")


def _todo(error: Exception, away: str) -> str:
    if isinstance(error, FORBIDDEN):
        return "it answers, and does not let this client in: mend its ACLs, or the name and password given"
    return away if _may_be_away(error) else "it answers, so it is none of the address: mend what is said there"


def _may_be_away(error: Exception) -> bool:
    """gzip raises OSError too, without an errno: that is no error of the system."""
    if isinstance(error, KafkaError):
        return bool(error.retriable) or isinstance(error, KafkaTimeoutError | KafkaUnavailableError)
    return isinstance(error, TimeoutError) or (isinstance(error, OSError) and error.errno is not None)
