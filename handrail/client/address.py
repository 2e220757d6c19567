"""Where Kafka is. An agent needs one setting; everything else that Handrail can be told is for workers."""

import os

from handrail.schemas.errors import ConfigError

VARIABLE = "HANDRAIL_BOOTSTRAP"
DEFAULT = "127.0.0.1:9092"


def bootstrap_of(given: str | None) -> str:
    """The address as given, else HANDRAIL_BOOTSTRAP of the environment, else 127.0.0.1:9092. Raises ConfigError."""
    found = given or os.environ.get(VARIABLE) or DEFAULT
    for one in found.split(","):
        endpoint(one)
    return found


def endpoint(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises ConfigError."""
    host, _, port = address.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"bootstrap or {VARIABLE}: must be HOST:PORT, several with commas, got {address.strip()!r}")
    return host.strip("[]"), int(port)
