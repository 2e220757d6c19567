"""Which processes `up` runs, and how each is called."""

from dataclasses import dataclass

from handrail.broker.ports import HOST
from handrail.supervisor.settings import UpSettings

SINK, DESK = "sink", "desk"


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its name, and the words after `handrail`."""

    name: str
    arguments: tuple[str, ...]


def parts(settings: UpSettings, bootstrap: str) -> list[Part]:
    """The sink, the workers and the desk, which all talk to the broker at `bootstrap`."""
    workers = [_worker(settings, bootstrap, n + 1) for n in range(settings.workers)]
    return [_sink(settings, bootstrap), *workers, *_desk(settings, bootstrap)]


def endpoints(settings: UpSettings) -> dict[str, str]:
    """HOST:PORT of the metrics of each process by its name; empty where there are none."""
    if not settings.http_port:
        return {}
    names = [SINK, *(f"worker-{n + 1}" for n in range(settings.workers))]
    return {name: f"{HOST}:{settings.http_port + n}" for n, name in enumerate(names)}


def _sink(settings: UpSettings, bootstrap: str) -> Part:
    given = ("--bootstrap", bootstrap, "--data", str(settings.data), "--snapshot-s", f"{settings.snapshot_s:g}")
    return Part(SINK, (SINK, *given, *_http(settings, SINK)))


def _worker(settings: UpSettings, bootstrap: str, number: int) -> Part:
    name = f"worker-{number}"
    words = ["worker", "--bootstrap", bootstrap, "--key", str(settings.key_file)]
    if settings.policies is not None:
        words += ["--policies", str(settings.policies)]
    if settings.session_s is not None:
        words += ["--session-timeout-s", f"{settings.session_s:g}"]
    return Part(name, (*words, *_http(settings, name)))


def _desk(settings: UpSettings, bootstrap: str) -> list[Part]:
    if settings.desk_at is None:
        return []
    given = ("--bootstrap", bootstrap, "--data", str(settings.data), "--key", str(settings.key_file))
    return [Part(DESK, (DESK, *given, "--listen", settings.desk_at))]


def _http(settings: UpSettings, name: str) -> tuple[str, ...]:
    address = endpoints(settings).get(name)
    return ("--http", address) if address else ()
