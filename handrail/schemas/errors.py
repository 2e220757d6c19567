"""The one tree of errors. Every message says where, what, and what to do.

HandrailError
├── ConfigError      a setting, an option or the environment is wrong
├── PolicyError      a policy file is refused: file, path inside it, reason
│   └── PolicyErrors all mistakes of a folder at once
├── SchemaError      a record is not what the contract says
├── FoldError        the fold's code fails on a record: broken code, never a dead letter
├── EngineError      the worker cannot go on: a refused produce, an unreadable state
└── SinkError        the analytics database cannot go on

Bad data is a value (a dead letter), not one of these: they end what was being done.
"""

import shlex
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


class FoldError(HandrailError):
    """The code failed on a record that may be good; it is neither decided nor refused until the code is repaired.

    `place` says where the record lies, whose it is and what failed. `conversation` is the one to be replayed, None
    where nobody can tell which. `get` holds options that every command about this log needs. Its cause is the
    exception.
    """

    def __init__(self, place: str, offset: int, conversation: str | None) -> None:
        self.place, self.offset, self.conversation = place, offset, conversation
        self.get: tuple[str, ...] = ()
        super().__init__(place, offset, conversation)  # as it is made, so that it comes through from another process

    def __str__(self) -> str:
        return f"{self.place}: broken code, not bad data: mend it; to replay just this: {' && '.join(self.commands)}"

    @property
    def commands(self) -> tuple[str, str]:
        """What replays the conversation alone, without a broker, to the same failure."""
        what = "--all" if self.conversation is None else shlex.quote(self.conversation)
        export = shlex.join(("--bundle", "as-decided", *self.get))
        return f"handrail export {what} {export} > c.jsonl", "handrail replay c.jsonl --policies as-decided"


class EngineError(HandrailError):
    """The worker cannot go on without losing or doubling a decision, so it ends."""


class SinkError(HandrailError):
    """The sink cannot go on without losing or doubling a row, so it ends."""
