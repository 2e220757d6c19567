"""handrail.yaml: settings in the working folder, read as policies are, by YAML 1.2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from handrail.policies import yaml12
from handrail.policies.mistakes import Mistakes
from handrail.schemas.errors import ConfigError

FILE = Path("handrail.yaml")
FILE_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The values of the file by name; no values where there is no file."""

    values: Mapping[str, Any]
    mistakes: Mistakes

    def place(self, steps: Sequence[str | int]) -> str:
        """Where the value at these steps stands: `handrail.yaml:3: oidc_roles.agents[0]`."""
        path = ""
        for step in steps:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        line = self.mistakes.line(path)
        return f"{FILE}:{line}: {path}" if line else f"{FILE}: {path}"


def load() -> SettingsFile:
    """The file in the working folder. Raises ConfigError in one line, for the first mistake of the file."""
    if not FILE.is_file():
        return SettingsFile({}, Mistakes(str(FILE)))
    try:
        text = FILE.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{FILE}: {error}: write it as UTF-8 text that this user can read") from None
    if len(text) > FILE_BYTES_MAX:
        raise ConfigError(f"{FILE}: has {len(text)} characters, at most {FILE_BYTES_MAX} are read")
    values, mistakes = yaml12.read(str(FILE), text, may_be_empty=True)
    if mistakes.entries:
        raise ConfigError(_first(mistakes))
    if not isinstance(values, dict | None):
        raise ConfigError(f"{FILE}:1: is not a mapping: write `name: value` lines")
    return SettingsFile({name: _plain(value) for name, value in (values or {}).items()}, mistakes)


def _first(mistakes: Mistakes) -> str:
    line, path, reason = min(mistakes.entries)
    place = f"{FILE}:{line}" if line else str(FILE)
    return f"{place}: {reason}" if not path or path.startswith("line ") else f"{place}: {path}: {reason}"


def _plain(value: Any) -> Any:
    """The value with binary floats: settings are no thresholds."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value
