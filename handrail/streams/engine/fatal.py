"""The end of a worker that cannot go on: one clear last line, then exit, without waiting for anything.

Faust waits for its streams when it stops, and in a worker that cannot deliver they never end.
"""

import asyncio
import os
import sys
import traceback
from typing import Any, NoReturn

from handrail.printable import plain
from handrail.schemas.errors import FoldError, HandrailError
from handrail.streams.governor.redaction import redact_text

STATUS = 1


def die(error: BaseException, where: str = "") -> NoReturn:
    """Print what happened, the line that matters last, and end the process."""
    if isinstance(error, FoldError):
        _trace(error.__cause__)
        where = ""  # it says so itself
    elif not isinstance(error, HandrailError):
        _trace(error)
    what = str(error) if isinstance(error, HandrailError) else f"{type(error).__name__}: {error}"
    line = " ".join(f"{where}: {what}".split()) if where else what
    print(plain(f"handrail worker: stopped: {line}"), file=sys.stderr, flush=True)
    os._exit(STATUS)


def _trace(error: BaseException | None) -> None:
    """Where in the code; what stood in the record is redacted, as in every log."""
    print(plain(redact_text("".join(traceback.format_exception(error))).text), end="", file=sys.stderr, flush=True)


def leave(why: str) -> NoReturn:
    """End the process after a requested stop, with nothing left to do."""
    print(f"handrail worker: {why}", file=sys.stderr, flush=True)
    os._exit(0)


def die_of(task: "asyncio.Task[Any]") -> None:
    """Callback of a task: an exception of the task ends the process."""
    if not task.cancelled() and (error := task.exception()) is not None:
        die(error, task.get_name())
