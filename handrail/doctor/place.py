"""What is looked at: one installation, as its settings name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.sink.settings import SinkSettings
from handrail.supervisor.folder import Run, running


@dataclass(frozen=True, slots=True)
class Place:
    """`options` as they were given; `up` is the `handrail up` that runs on the data folder."""

    options: Mapping[str, Any]
    bootstrap: str
    group: str
    policies: Path | None
    data: Path
    http: str | None
    up: Run | None


def place(options: Mapping[str, Any]) -> Place:
    """The installation that these options, the environment and the file name. Raises ConfigError.

    Without an address, it is the one of the `handrail up` that runs on the data folder.
    """
    worker, sink = WorkerSettings.of(options), SinkSettings.of(options)
    up = _up(sink.data)
    bootstrap = worker.bootstrap
    if up is not None and up.bootstrap and WorkerSettings.origins(options)["bootstrap"] == "default":
        bootstrap = up.bootstrap
    return Place(options, bootstrap, worker.group, worker.policies, sink.data, worker.http, up)


def _up(data: Path) -> Run | None:
    try:
        return running(data)
    except OSError:
        return None
