"""Rules of the newest ruleset that do nothing, because no event has had their field."""

import duckdb

from handrail.doctor.line import Line, warn
from handrail.doctor.place import Place
from handrail.schemas.errors import ConfigError
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.skipped import always_skipped

MEND = "say in tools.yaml where the tool has it (fields, facts), or correct the name in the rule"


def look(place: Place) -> list[Line]:
    """One line for each such rule."""
    try:
        with open_readonly(place.data).connection as connection:
            return [warn("rule", f"{one}: it has never judged anything", MEND) for one in always_skipped(connection)]
    except (ConfigError, duckdb.Error):
        return []  # the check of the database says what is wrong with it
