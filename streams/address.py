"""HOST:PORT as a setting: where a process listens."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

LOOPBACK = "127.0.0.1"


def host_port(text: str) -> tuple[str, int]:
    """The host, and the port from 0 to 65535 (0: a free one). A port alone is one of LOOPBACK. Raises ValueError."""
    found = urlsplit(f"//:{text}" if text.isdecimal() else f"//{text}")
    if found.port is None or found.netloc.partition("@")[1] or found.path or found.query or found.fragment:
        raise ValueError(f"not HOST:PORT: {text!r}")
    return found.hostname or LOOPBACK, found.port


def _checked(text: str) -> str:
    try:
        host_port(text)
    except ValueError:
        raise PydanticCustomError("address", "must be HOST:PORT or a port, as 127.0.0.1:9464") from None
    return text


Address = Annotated[str, AfterValidator(_checked)]
"""A setting that `host_port` takes."""
