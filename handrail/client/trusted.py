"""The public keys that a gate was given: lines, or a file of them that may change while the gate stands."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import PublicKey, public_of

AGAIN_S = 1.0  # a file is read again at most so often


class TrustedKeys:
    """Keys by their ids. Raises ConfigError where there is none, or one cannot be read."""

    def __init__(self, keys: str | Path | Sequence[str]) -> None:
        self._path = Path(keys) if isinstance(keys, str | Path) else None
        self._read_s = time.monotonic()
        self._keys = _by_id(keys, "keys") if not isinstance(keys, str | Path) else keys_of_file(Path(keys))

    def of(self, data: Mapping[str, Any]) -> Mapping[str, PublicKey]:
        """The keys, after a look into the file where this decision is signed by one that is not known yet."""
        signature = data.get("signature")
        named = signature.get("key_id") if isinstance(signature, Mapping) else None
        unknown = named is not None and named not in self._keys
        if unknown and self._path is not None and time.monotonic() - self._read_s >= AGAIN_S:
            self._read_s = time.monotonic()
            self._keys = keys_of_file(self._path)
        return self._keys


def keys_of_file(path: Path) -> dict[str, PublicKey]:
    """The keys of a file, a line each, by their ids. Raises ConfigError."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is no text"
        raise ConfigError(f"{path}: {why}: give the gate the FILE.pub of `handrail keys new FILE`") from None
    return _by_id([line for line in lines if line.strip() and not line.lstrip().startswith("#")], str(path))


def _by_id(lines: Sequence[str], where: str) -> dict[str, PublicKey]:
    try:
        found = [public_of(line) for line in lines]
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if not found:
        raise ConfigError(f"{where}: names no key: give the FILE.pub of `handrail keys new FILE`")
    return {key.id: key for key in found}
