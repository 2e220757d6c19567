"""Whether the analytics database can be read, and how old what others read is."""

import duckdb

from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.schemas.errors import ConfigError
from handrail.streams.sink.database import LIVE, SNAPSHOT
from handrail.streams.sink.reading import open_readonly

ASKED = "SELECT count(*), max(log_time) FROM events"


def look(place: Place) -> list[Line]:
    """One line: what is read, how old it is, how much is in it."""
    if not any((place.data / name).exists() for name in (LIVE, SNAPSHOT)):
        return [warn("database", f"{place.data}: there is none", "`handrail up` or `handrail sink` makes it")]
    try:
        reading = open_readonly(place.data)
        with reading.connection as connection:
            found = connection.execute(ASKED).fetchone() or (0, None)
    except (ConfigError, duckdb.Error) as error:
        return [wrong("database", str(error).splitlines()[0], "is it a sink's, of this version? Else restore a copy")]
    age = "no sink holds it" if reading.age_s is None else f"a sink holds it; snapshot of {reading.age_s:.0f} s ago"
    newest = f", the newest of {found[1]:%Y-%m-%d %H:%M:%S} UTC" if found[1] is not None else ""
    return [ok("database", f"{reading.path}: {age}; {found[0]} events{newest}")]
