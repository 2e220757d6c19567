"""Files that hold a secret of the login: read in one place, and refused where others could read or change them."""

import stat
from pathlib import Path

from handrail.schemas.errors import ConfigError

SECRET_BYTES_MAX = 65_536
# The group may read: Kubernetes gives a mounted secret to a pod by its group (fsGroup).
REFUSED = {
    stat.S_IROTH: "readable by everybody",
    stat.S_IWOTH: "writable by everybody",
    stat.S_IWGRP: "writable by its group",
}


def checked(setting: str, path: Path) -> Path:
    """The path of a file that its owner, and whoever its group holds, alone can read. Raises ConfigError."""
    readable(setting, path)
    mode = path.stat().st_mode
    if why := next((why for bit, why in REFUSED.items() if mode & bit), ""):
        raise ConfigError(f"{setting}: {path}: {why} (mode {stat.S_IMODE(mode):o}): chmod 600, or 440 for a group")
    return path


def readable(setting: str, path: Path) -> bytes:
    """What is in the file. Raises ConfigError where there is none, or it is no file that this process may read."""
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{setting}: {path}: {error.strerror}: give a file that this process can read") from None
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigError(f"{setting}: {path}: larger than {SECRET_BYTES_MAX} bytes: give the file of the secret alone")
    return content


def secret(setting: str, path: Path) -> str:
    """The one line that the file holds, without its end. Raises ConfigError, which never tells what is in it."""
    try:
        text = readable(setting, checked(setting, path)).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}: {path}: not UTF-8: write the secret alone, on one line") from None
    if not text or not text.isprintable():
        what = "more than one line, or what cannot be printed" if text else "empty"
        raise ConfigError(f"{setting}: {path}: {what}: write the secret alone, on one line")
    return text
