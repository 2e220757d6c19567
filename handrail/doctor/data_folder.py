"""The data folder: whether it is private, can be written and has room, and whether its database can be read."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import duckdb

from handrail.doctor.installation import Installation
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.private import loose
from handrail.schemas.errors import ConfigError
from handrail.streams.sink.database import LIVE, SNAPSHOT
from handrail.streams.sink.reading import open_readonly

FREE_MIN, FREE_GOOD = 100 << 20, 1 << 30
GIGABYTE = 1 << 30
NEWEST_EVENT = "SELECT count(*), max(log_time) FROM events"


def check_data_folder(installation: Installation) -> list[Line]:
    """The folder, the space on its disk, and whether `handrail up` runs on it."""
    data = installation.data
    if not data.exists():
        return [warn("data", f"{data}: is not there", "`handrail up` or `handrail sink` makes it; else see --data")]
    try:
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        return [wrong("data", f"{data}: {error.strerror}", "let this user write there, or give another with --data")]
    return [_check_space(installation), check_private(installation.data), _describe_up(installation)]


def _check_space(installation: Installation) -> Line:
    free = shutil.disk_usage(installation.data).free
    message = f"{installation.data.resolve()}: can be written, {free / GIGABYTE:.1f} GB free"
    remedy = "the sink stops where the disk is full: make room, or move the folder"
    if free < FREE_MIN:
        return wrong("data", message, remedy)
    return warn("data", message, remedy) if free < FREE_GOOD else ok("data", message)


def check_private(data: Path) -> Line:
    paths = list(loose(data))
    if not paths:
        return ok("privacy", f"{data.resolve()}: nobody but its owner may read it")
    message = f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: others on this machine may read it"
    return warn("privacy", message, f"run `chmod -R go= {shlex.quote(str(data))}`")


def _describe_up(installation: Installation) -> Line:
    if installation.up is None:
        return ok("handrail up", "does not run on this folder")
    message = f"runs on this folder: process {installation.up.pid}, broker {installation.up.bootstrap}"
    if installation.up.bootstrap != installation.bootstrap:
        return warn("handrail up", message, f"the broker asked here is {installation.bootstrap}: is that meant?")
    return (
        ok("handrail up", message)
        if _alive(installation.up.pid)
        else warn("handrail up", message, "in another container?")
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_database(installation: Installation) -> list[Line]:
    """One line: the file that is read, its age, and how many events it has."""
    if not any((installation.data / name).exists() for name in (LIVE, SNAPSHOT)):
        return [warn("database", f"{installation.data}: there is none", "`handrail up` or `handrail sink` makes it")]
    try:
        reading = open_readonly(installation.data)
        with reading.connection as connection:
            row = connection.execute(NEWEST_EVENT).fetchone() or (0, None)
    except (ConfigError, duckdb.Error) as error:
        return [wrong("database", str(error).splitlines()[0], "is it a sink's, of this version? Else restore a copy")]
    age = "no sink holds it" if reading.age_s is None else f"a sink holds it; snapshot of {reading.age_s:.0f} s ago"
    newest = f", the newest of {row[1]:%Y-%m-%d %H:%M:%S} UTC" if row[1] is not None else ""
    return [ok("database", f"{reading.path}: {age}; {row[0]} events{newest}")]
