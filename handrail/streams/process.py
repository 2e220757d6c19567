"""Common to every process of Handrail: it ends on a signal, and its libraries log errors only."""

import asyncio
import gc
import logging
import signal

from handrail.printable import plain


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT; call it in the event loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


COLLECT_AFTER = (50_000, 20, 20)  # new objects, young collections, middle ones; Python's own is (700, 10, 10)


def collect_less() -> None:
    """For processes that fold: garbage in cycles is looked for less often, among what is made from now on only.

    A fold makes some hundred objects a record and nearly no cycles; looking for them took a sixth of its time
    (`python -m benchmarks.fold --collect`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def quiet_logs() -> None:
    """Logs of the libraries go to standard error: errors only, without cards, addresses and secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_worth_reading)
    logging.basicConfig(level=logging.ERROR, handlers=[handler])


class Redacting(logging.Formatter):
    """A line as it may be shown, with what an exception says; marked where something was taken out."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            from handrail.streams.governor.redaction import redact_text  # not before there is a line to look at
        except ModuleNotFoundError:  # only `handrail[server]` has the patterns, and its processes alone see customers
            return plain(super().format(record))
        return plain(redact_text(super().format(record)).text)


def _worth_reading(record: logging.LogRecord) -> bool:
    """aiokafka logs each address that it cannot reach, and then raises what is shown."""
    return not record.getMessage().startswith("Unable connect to")
