"""The public keys that a gate was given: lines, or a file of them that may change while the gate stands."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import PublicKey, public_of


class TrustedKeys:
    """Keys by their ids. Raises ConfigError where there is none, or one cannot be read."""

    def __init__(self, keys: str | Path | Sequence[str]) -> None:
        self._path = Path(keys) if isinstance(keys, str | Path) else None
        if isinstance(keys, str | Path):
            self._text = _text(Path(keys))
            self._keys = _keys(Path(keys), self._text)
        else:
            self._keys = _by_id(keys, "keys")

    def now(self) -> Mapping[str, PublicKey]:
        """The keys as they are in the file now: one that was taken out counts no more.

        The file is read each time: a few lines, beside a claim that waits for the disk. Raises ConfigError where it
        cannot be used; keys that counted before do not count then.
        """
        if self._path is not None and (text := _text(self._path)) != self._text:
            self._keys = _keys(self._path, text)
            self._text = text
        return self._keys


def keys_of_file(path: Path) -> dict[str, PublicKey]:
    """The keys of a file, a line each, by their ids. Raises ConfigError."""
    return _keys(path, _text(path))


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: {why}: give the gate the FILE.pub of `handrail keys new FILE`") from None


def _keys(path: Path, text: bytes) -> dict[str, PublicKey]:
    try:
        lines = text.decode().splitlines()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is no text: give the gate the FILE.pub of `handrail keys new FILE`") from None
    return _by_id([line for line in lines if line.strip() and not line.lstrip().startswith("#")], str(path))


def _by_id(lines: Sequence[str], where: str) -> dict[str, PublicKey]:
    try:
        found = [public_of(line) for line in lines]
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if not found:
        raise ConfigError(f"{where}: names no key: give the FILE.pub of `handrail keys new FILE`")
    return {key.id: key for key in found}
