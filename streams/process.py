"""What every process of Handrail does alike: it ends on a signal, and its libraries keep quiet."""

import asyncio
import logging
import signal


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT; call it in the event loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def quiet_logs() -> None:
    """Logs of the libraries go to standard error, and only what is worth a person's time."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_worth_reading)
    logging.basicConfig(level=logging.ERROR, handlers=[handler])


def _worth_reading(record: logging.LogRecord) -> bool:
    """aiokafka tells of each address that it cannot reach, and then raises what is shown."""
    return not record.getMessage().startswith("Unable connect to")
