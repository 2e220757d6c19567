"""HOST:PORT as a setting: where a process listens."""

from errno import EADDRINUSE
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from handrail.schemas.errors import ConfigError

LOOPBACK = "127.0.0.1"


def host_port(text: str) -> tuple[str, int]:
    """The host, and the port from 0 to 65535 (0: a free one). A port alone is one of LOOPBACK. Raises ValueError."""
    url = urlsplit(f"//:{text}" if text.isdecimal() else f"//{text}")
    if url.port is None or url.netloc.partition("@")[1] or url.path or url.query or url.fragment:
        raise ValueError(f"not HOST:PORT: {text!r}")
    return url.hostname or LOOPBACK, url.port


def _checked(text: str) -> str:
    try:
        host_port(text)
    except ValueError:
        raise PydanticCustomError("address", "must be HOST:PORT or a port, as 127.0.0.1:9464") from None
    return text


def url_of(host: str, port: int) -> str:
    """Where a process that listens there is reached."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refused(option: str, address: str, error: OSError) -> ConfigError:
    """The error of a process that cannot listen at the address of its option."""
    why = "the port is taken" if error.errno == EADDRINUSE else error.strerror or str(error)
    return ConfigError(f"{option} {address}: {why}: choose another one of this machine's")


Address = Annotated[str, AfterValidator(_checked)]
"""A setting that `host_port` takes."""
