"""How `handrail forget` reaches the sink that has the database open: a file of the data folder asks, another answers.

A question stays until it is answered: the next sink does again what one that was killed had begun.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import orjson

FOLDER = "handrail.forget"
ASKS, TAKEN, ANSWERS = ".ask", ".taken", ".answer"
POLL_S = 0.1


@dataclass(frozen=True)
class Request:
    """Forget this customer, of one tenant or of all (None)."""

    file: Path
    ref: str
    tenant: str | None


class Erased(NamedTuple):
    """What was removed, by table; `clean`: no page of the file and no snapshot has any of it; whose words it was."""

    removed: dict[str, int]
    clean: bool
    conversations: list[str]


def ask(data: Path, ref: str, tenant: str | None) -> Request:
    """The sink of this folder is asked. Nobody else on this machine can read whom it is about."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{uuid4().hex}{ASKS}"
    _put(file, {"ref": ref, "tenant": tenant})
    return Request(file, ref, tenant)


def take(data: Path) -> Request | None:
    """The next question, for the sink to do and to answer: first one that a killed sink had taken; None without any."""
    folder = data / FOLDER
    if not folder.is_dir():
        return None
    for file in [*sorted(folder.glob(f"*{TAKEN}")), *sorted(folder.glob(f"*{ASKS}"))]:
        try:
            told = orjson.loads(file.read_bytes())
            found = Request(file, str(told["ref"]), told["tenant"])
            file.replace(file.with_suffix(TAKEN))
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            file.unlink(missing_ok=True)  # withdrawn just now, or no question
        else:
            return found
    return None


def is_begun(request: Request) -> bool:
    """Whether a sink has begun with it."""
    return request.file.with_suffix(TAKEN).exists()


def answer(request: Request, told: Erased) -> None:
    """The question is answered, and gone."""
    _put(request.file.with_suffix(ANSWERS), told._asdict())
    request.file.with_suffix(TAKEN).unlink(missing_ok=True)


def answered(request: Request, seconds: float = 0.0) -> Erased | None:
    """The answer, once; None where none comes within these seconds."""
    file = request.file.with_suffix(ANSWERS)
    deadline_s = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(POLL_S)
    told = orjson.loads(file.read_bytes())
    file.unlink()
    return Erased(dict(told["removed"]), bool(told["clean"]), list(told["conversations"]))


def withdraw(request: Request) -> None:
    """Nobody needs to answer any more; what a sink has begun with it does."""
    request.file.unlink(missing_ok=True)


def _put(file: Path, told: dict[str, object]) -> None:
    """Whole and at once, for the owner alone."""
    draft = file.with_suffix(".tmp")
    draft.touch(0o600, exist_ok=False)
    draft.write_bytes(orjson.dumps(told))
    draft.replace(file)
