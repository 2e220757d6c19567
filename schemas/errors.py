"""The one tree of errors. Every message says where, what, and what to do.

HandrailError
├── ConfigError      a setting, an option or the environment is wrong
├── PolicyError      a policy file is refused: file, path inside it, reason
│   └── PolicyErrors all mistakes of a folder at once
├── SchemaError      a record is not what the contract says
├── EngineError      the worker cannot go on: a refused produce, an unreadable state
└── SinkError        the analytics database cannot go on

Bad data is a value (a dead letter), not one of these: they end what was being done.
"""

from collections.abc import Sequence


class HandrailError(Exception):
    """Anything that Handrail raises on purpose; `str()` is one line that a person can act on."""


class ConfigError(HandrailError):
    """A setting, an option or the environment is wrong."""


class PolicyError(HandrailError):
    """One mistake in one policy file.

    `file` is the path as the user gave it, `path` the place inside it (`rules[2].value`, may be empty),
    `reason` what is wrong and what to write instead.
    """

    def __init__(self, file: str, path: str, reason: str) -> None:
        self.file, self.path, self.reason = file, path, reason
        super().__init__(": ".join(part for part in (file, path, reason) if part))


class PolicyErrors(PolicyError):
    """Every mistake of a bundle, one line each; `mistakes` holds them in the order of file and path."""

    def __init__(self, mistakes: Sequence[PolicyError]) -> None:
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        super().__init__(first.file, first.path, first.reason)

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


class SchemaError(HandrailError):
    """A record is not what the contract says; the message is the one line of its dead letter."""


class EngineError(HandrailError):
    """The worker cannot go on without losing or doubling a decision, so it ends."""


class SinkError(HandrailError):
    """The sink cannot go on without losing or doubling a row, so it ends."""
