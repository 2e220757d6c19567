"""What a person sees on standard error: where it stands, and what has happened."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from handrail import printable


class Progress:
    """A line that changes on a terminal, one line after the other in a file or a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def print_line(self, line: str) -> None:
        """One line that stays."""
        self._console.print(printable.plain(line), soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """It is being done for the length of the block."""
        if self._console.is_terminal:
            with self._console.status(f"handrail up: {what}"):
                yield
        else:
            self.print_line(f"handrail up: {what}")
            yield
