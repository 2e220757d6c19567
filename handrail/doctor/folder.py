"""Whether the data folder can be written, and has room."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.private import loose

FREE_MIN, FREE_GOOD = 100 << 20, 1 << 30
GIGABYTE = 1 << 30


def look(place: Place) -> list[Line]:
    """The folder, the room on its disk, and whether `handrail up` runs on it."""
    data = place.data
    if not data.exists():
        return [warn("data", f"{data}: is not there", "`handrail up` or `handrail sink` makes it; else see --data")]
    try:
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        return [wrong("data", f"{data}: {error.strerror}", "let this user write there, or give another with --data")]
    return [_room(place), _private(place.data), _up(place)]


def _room(place: Place) -> Line:
    free = shutil.disk_usage(place.data).free
    told = f"{place.data.resolve()}: can be written, {free / GIGABYTE:.1f} GB free"
    mend = "the sink stops where the disk is full: make room, or move the folder"
    if free < FREE_MIN:
        return wrong("data", told, mend)
    return warn("data", told, mend) if free < FREE_GOOD else ok("data", told)


def _private(data: Path) -> Line:
    found = list(loose(data))
    if not found:
        return ok("privacy", f"{data.resolve()}: nobody but its owner may read it")
    told = f"{found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: others on this machine may read it"
    return warn("privacy", told, f"run `chmod -R go= {shlex.quote(str(data))}`")


def _up(place: Place) -> Line:
    if place.up is None:
        return ok("handrail up", "does not run on this folder")
    told = f"runs on this folder: process {place.up.pid}, broker {place.up.bootstrap}"
    if place.up.bootstrap != place.bootstrap:
        return warn("handrail up", told, f"the broker asked here is {place.bootstrap}: is that meant?")
    return ok("handrail up", told) if _alive(place.up.pid) else warn("handrail up", told, "in another container?")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
