"""The installation that is checked, and where each of its settings comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handrail.doctor.line import Line, ok
from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.settings import Settings
from handrail.streams.sink.settings import SinkSettings
from handrail.supervisor.folder import Run, running
from handrail.supervisor.settings import UpSettings

COMMANDS: Mapping[str, type[Settings]] = {"up": UpSettings, "worker": WorkerSettings, "sink": SinkSettings}


@dataclass(frozen=True, slots=True)
class Installation:
    """`options` as they were given; `up` is the `handrail up` that runs on the data folder."""

    options: Mapping[str, Any]
    bootstrap: str
    group: str
    policies: Path | None
    data: Path
    http: str | None
    up: Run | None


def find_installation(options: Mapping[str, Any]) -> Installation:
    """The installation that these options, the environment and the file name. Raises ConfigError.

    Without an address, it is the one of the `handrail up` that runs on the data folder.
    """
    worker, sink = WorkerSettings.of(options), SinkSettings.of(options)
    up = _running_up(sink.data)
    bootstrap = worker.bootstrap
    if up is not None and up.bootstrap and WorkerSettings.origins(options)["bootstrap"] == "default":
        bootstrap = up.bootstrap
    return Installation(options, bootstrap, worker.group, worker.policies, sink.data, worker.http, up)


def _running_up(data: Path) -> Run | None:
    try:
        return running(data)
    except OSError:
        return None


def check_settings(installation: Installation) -> list[Line]:
    """One line for each setting and value, with the commands that use it."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for command, kind in COMMANDS.items():
        given = {name: value for name, value in installation.options.items() if name in kind.model_fields}
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
