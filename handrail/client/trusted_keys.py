"""The public keys that a gate was given: lines, or a file of them that may change while the gate is in use."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import PublicKey, public_of


class TrustedKeys:
    """Keys by their ids. Raises ConfigError where there is none, or one cannot be read."""

    def __init__(self, keys: str | Path | Sequence[str]) -> None:
        self._path = Path(keys) if isinstance(keys, str | Path) else None
        if isinstance(keys, str | Path):
            self._content = _read(Path(keys))
            self._keys = _parse(Path(keys), self._content)
        else:
            self._keys = _by_id(keys, "keys")

    def current(self) -> Mapping[str, PublicKey]:
        """The keys as they are in the file now: one that was taken out counts no more.

        The file is read each time: a few lines, beside a claim that waits for the disk. Raises ConfigError where it
        cannot be used; keys that counted before do not count then.
        """
        if self._path is not None and (content := _read(self._path)) != self._content:
            self._keys = _parse(self._path, content)
            self._content = content
        return self._keys


def read_keys(path: Path) -> dict[str, PublicKey]:
    """The keys of a file, a line each, by their ids. Raises ConfigError."""
    return _parse(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: {why}: give the gate the FILE.pub of `handrail keys new FILE`") from None


def _parse(path: Path, content: bytes) -> dict[str, PublicKey]:
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is no text: give the gate the FILE.pub of `handrail keys new FILE`") from None
    return _by_id([line for line in lines if line.strip() and not line.lstrip().startswith("#")], str(path))


def _by_id(lines: Sequence[str], where: str) -> dict[str, PublicKey]:
    try:
        keys = [public_of(line) for line in lines]
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if not keys:
        raise ConfigError(f"{where}: names no key: give the FILE.pub of `handrail keys new FILE`")
    return {key.id: key for key in keys}
