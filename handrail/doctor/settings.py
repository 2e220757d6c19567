"""Every setting, its value, and where it comes from."""

from collections.abc import Mapping
from typing import Any

from handrail.doctor.line import Line, ok
from handrail.doctor.place import Place
from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.settings import Settings
from handrail.streams.sink.settings import SinkSettings
from handrail.supervisor.settings import UpSettings

COMMANDS: Mapping[str, type[Settings]] = {"up": UpSettings, "worker": WorkerSettings, "sink": SinkSettings}


def look(place: Place) -> list[Line]:
    """One line for each setting and value, with the commands that it holds for."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for command, kind in COMMANDS.items():
        given = {name: value for name, value in place.options.items() if name in kind.model_fields}
        values, origins = kind.of(given), kind.origins(given)
        for name, origin in origins.items():
            used.setdefault((name, _shown(getattr(values, name)), origin), []).append(command)
    return [
        ok("setting", f"{name} = {value} ({origin}; {', '.join(commands)})")
        for (name, value, origin), commands in sorted(used.items())
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value:g}" if isinstance(value, float) else str(value)
