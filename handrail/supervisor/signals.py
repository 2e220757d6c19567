"""Signals that end `up`: the first in good order, a second Ctrl-C at once."""

import asyncio
import os
import signal
from collections.abc import Callable

AT_ONCE = 130  # as shells say of what a Ctrl-C ended


class Stop:
    """`asked` is set by SIGTERM, SIGHUP or SIGINT; make it in the event loop.

    A SIGINT after that calls `kill` and ends the process.
    """

    def __init__(self, kill: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self._kill = kill
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on, number)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` means that a closed terminal is no reason
            loop.add_signal_handler(signal.SIGHUP, self._on, signal.SIGHUP)

    def _on(self, number: signal.Signals) -> None:
        if self.asked.is_set() and number == signal.SIGINT:
            self._kill()
            os._exit(AT_ONCE)
        self.asked.set()
