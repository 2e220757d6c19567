"""Forgetting a customer in a data folder: here, where the database is free; else by the sink that has it open."""

import time
from contextlib import closing, suppress
from pathlib import Path

from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink import requests, snapshot
from handrail.streams.sink.database import BATCH, LIVE, SNAPSHOT
from handrail.streams.sink.requests import Erased
from handrail.streams.sink.store import HELD, Store

TRIES_S = 2.0  # that long the sink is waited for before it is tried again whether it is still there


def erase(data: Path, ref: str, tenant: str | None, wait_s: float) -> Erased:
    """No row, page or snapshot of the folder has anything of the customer, and the sink leaves them out from now on.

    Raises ConfigError where there is no database, or nobody answers within `wait_s`; SinkError where the disk refuses.
    """
    if not (data / LIVE).exists():
        raise ConfigError(f"{data}: no database there: give the folder of the sink with --data")
    deadline_s = time.monotonic() + wait_s
    request = None
    try:
        while True:
            if request is None or not requests.is_begun(request):  # else the file is free for moments, and not for us
                with suppress(_BusyError):
                    return _here(data, ref, tenant)
            request = request or requests.ask(data, ref, tenant)
            told = requests.answered(request, TRIES_S)
            if told is not None:
                return told
            if time.monotonic() >= deadline_s:
                break
    finally:
        if request is not None:
            requests.withdraw(request)
    raise ConfigError(
        f"{data / LIVE}: another process has it open and has not answered for {wait_s:.0f} s: is it a sink of this "
        "version? End queries that read the file, or stop it, and run this again"
    )


class _BusyError(Exception):
    pass


def _here(data: Path, ref: str, tenant: str | None) -> Erased:
    try:
        store = Store.open(data / LIVE)
    except SinkError as error:
        if HELD in str(error):
            raise _BusyError from error
        raise
    with closing(store):
        removed, conversations = store.forget(ref, tenant)
        clean = store.rewrite()
        _sweep(data)
        return Erased(dict(removed), snapshot.take(store) is not None and clean, conversations)


def _sweep(data: Path) -> None:
    """What a killed process may have left: nobody has the database open but this one."""
    for name in (BATCH, f"{Path(SNAPSHOT).stem}.tmp"):
        (data / name).unlink(missing_ok=True)
