"""Forgetting a customer in a data folder: here, where the database is free; else by the sink that has it open.

`handrail forget` reaches that sink by files in the folder: one is the request, another the answer. A request stays
until it is answered: the next sink does again what a killed one had begun.
"""

import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import orjson

from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink import snapshot
from handrail.streams.sink.database import BATCH, LIVE, SNAPSHOT
from handrail.streams.sink.store import LOCKED, Store

FOLDER = "handrail.forget"
ASKS, TAKEN, ANSWERS = ".ask", ".taken", ".answer"
POLL_S = 0.1
TRIES_S = 2.0  # the sink is waited for so long before the command tries again to open the database


@dataclass(frozen=True)
class Request:
    """Forget this customer, of one tenant or of all (None)."""

    file: Path
    ref: str
    tenant: str | None


class Erased(NamedTuple):
    """Rows removed by table, and their conversations; `clean`: no page of the file and no snapshot has any of them."""

    removed: dict[str, int]
    clean: bool
    conversations: list[str]


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
            if request is None or not is_begun(request):  # a sink that has begun closes the file for moments
                with suppress(_BusyError):
                    return _here(data, ref, tenant)
            request = request or ask_sink(data, ref, tenant)
            erased = wait_for_answer(request, TRIES_S)
            if erased is not None:
                return erased
            if time.monotonic() >= deadline_s:
                break
    finally:
        if request is not None:
            withdraw(request)
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
        if LOCKED in str(error):
            raise _BusyError from error
        raise
    with closing(store):
        removed, conversations = store.forget(ref, tenant)
        clean = store.rewrite()
        _sweep(data)
        return Erased(dict(removed), snapshot.take(store) is not None and clean, conversations)


def _sweep(data: Path) -> None:
    """Removes what a killed process may have left: only this process has the database open."""
    for name in (BATCH, f"{Path(SNAPSHOT).stem}.tmp"):
        (data / name).unlink(missing_ok=True)


# --- requests to the sink


def ask_sink(data: Path, ref: str, tenant: str | None) -> Request:
    """Asks the sink of this folder. No other user of this machine can read whom the request is about."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{uuid4().hex}{ASKS}"
    _write(file, {"ref": ref, "tenant": tenant})
    return Request(file, ref, tenant)


def take_request(data: Path) -> Request | None:
    """The next request for the sink: first one that a killed sink had taken; None where there is none."""
    folder = data / FOLDER
    if not folder.is_dir():
        return None
    for file in [*sorted(folder.glob(f"*{TAKEN}")), *sorted(folder.glob(f"*{ASKS}"))]:
        try:
            fields = orjson.loads(file.read_bytes())
            request = Request(file, str(fields["ref"]), fields["tenant"])
            file.replace(file.with_suffix(TAKEN))
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            file.unlink(missing_ok=True)  # withdrawn just now, or no request
        else:
            return request
    return None


def is_begun(request: Request) -> bool:
    """Whether a sink has begun with it."""
    return request.file.with_suffix(TAKEN).exists()


def answer_request(request: Request, erased: Erased) -> None:
    """The request is answered, and its file is gone."""
    _write(request.file.with_suffix(ANSWERS), erased._asdict())
    request.file.with_suffix(TAKEN).unlink(missing_ok=True)


def wait_for_answer(request: Request, seconds: float = 0.0) -> Erased | None:
    """The answer, once; None where none comes within these seconds."""
    file = request.file.with_suffix(ANSWERS)
    deadline_s = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(POLL_S)
    fields = orjson.loads(file.read_bytes())
    file.unlink()
    return Erased(dict(fields["removed"]), bool(fields["clean"]), list(fields["conversations"]))


def withdraw(request: Request) -> None:
    """Takes the request back; a sink that has begun with it goes on."""
    request.file.unlink(missing_ok=True)


def _write(file: Path, fields: dict[str, object]) -> None:
    """Writes the file atomically, readable by its owner alone."""
    draft = file.with_suffix(".tmp")
    draft.touch(0o600, exist_ok=False)
    draft.write_bytes(orjson.dumps(fields))
    draft.replace(file)
