"""`up` at a terminal: what a person sees on standard error, and the signals that end it."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from handrail import printable

AT_ONCE = 130  # exit status of shells for a program that Ctrl-C ended


class Progress:
    """A line that changes on a terminal, one line after the other in a file or a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def print_line(self, line: str) -> None:
        """One line that stays."""
        self._console.print(printable.plain(line), soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show `what` for the length of the block."""
        if self._console.is_terminal:
            with self._console.status(f"handrail up: {what}"):
                yield
        else:
            self.print_line(f"handrail up: {what}")
            yield


class StopSignals:
    """`asked` is set by SIGTERM, SIGHUP or SIGINT; make it in the event loop.

    A SIGINT after that calls `kill` and ends the process.
    """

    def __init__(self, kill: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self._kill = kill
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on, number)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under `nohup`, a closed terminal does not end it
            loop.add_signal_handler(signal.SIGHUP, self._on, signal.SIGHUP)

    def _on(self, number: signal.Signals) -> None:
        if self.asked.is_set() and number == signal.SIGINT:
            self._kill()
            os._exit(AT_ONCE)
        self.asked.set()
