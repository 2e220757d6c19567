"""The rooms of the house, which layer each is in, and how many imports lead from one to another."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import grimp

Arrows = Counter[tuple[str, str]]
"""How many times a module of the first room imports one of the second."""

Kind = Literal["server", "agent", "pure"]
SERVER: Kind = "server"
AGENT: Kind = "agent"
"""Needs the base install only."""
PURE: Kind = "pure"
"""Knows no broker, database, clock, file or log."""

TOP, PLAIN = "cli", "plain"


@dataclass(frozen=True, slots=True)
class Room:
    """A package, what it is for in one line, and where it stands: row from above, column from the left."""

    name: str
    purpose: str
    row: int
    column: int
    kind: Kind


ROOMS = (
    Room("cli", "every command, and what it prints", 0, 0, SERVER),
    Room("adapters", "frameworks of agents", 1, 0, AGENT),
    Room("mcp", "a proxy for MCP servers", 1, 1, AGENT),
    Room("audit", "verify, export, replay", 1, 2, SERVER),
    Room("cases", "tests of policies", 1, 3, SERVER),
    Room("demo", "conversations to watch", 1, 4, SERVER),
    Room("doctor", "what is wrong, what to do", 1, 5, SERVER),
    Room("client", "agents ask, gates check", 2, 0, AGENT),
    Room("desk", "people answer, take over", 2, 1, SERVER),
    Room("hooks", "webhooks and tickets", 2, 2, SERVER),
    Room("importers", "recorded conversations", 2, 3, SERVER),
    Room("supervisor", "keeps all running: up", 2, 4, SERVER),
    Room("broker", "the embedded broker", 2, 5, SERVER),
    Room("acl", "rights on a secured Kafka", 2, 6, SERVER),
    Room("sink", "all topics into DuckDB, and what is asked of it", 3, 0, SERVER),
    Room("engine", "the worker: partitions, states, transactions", 3, 1, SERVER),
    Room("streams", "what all processes share: settings, HTTP, waits", 3, 2, SERVER),
    Room("quality", "scorers, alarms, drift, the scissors of cost and satisfaction", 4, 0, PURE),
    Room("governor", "the fold: record in, decision out", 4, 1, PURE),
    Room("kafka", "reads whatever is on the log", 5, 0, AGENT),
    Room("policies", "YAML files in, one bundle out", 5, 1, PURE),
    Room("plain", "two modules: private, printable", 5, 2, AGENT),
    Room("schemas", "the records of the contract, and their bytes", 6, 0, PURE),
)
IN_STREAMS = frozenset({"sink", "engine", "quality", "governor"})


def room_of(module: str, importing: bool) -> str:
    """The room of a module; one directly in the package is at the top where it imports rooms, and plain otherwise."""
    parts = module.split(".")
    if len(parts) < 2 or (len(parts) == 2 and parts[1] not in {room.name for room in ROOMS}):
        return TOP if importing else PLAIN
    if parts[1] == "streams" and len(parts) > 2 and (len(parts) > 3 or parts[2] in IN_STREAMS):
        return parts[2]
    return parts[1]


def arrows(package: str) -> Arrows:
    """The imports between rooms, imports under TYPE_CHECKING included."""
    graph = grimp.build_graph(package, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    return between({module: imported[module] for module in sorted(imported)})


def between(imported: dict[str, Iterable[str]]) -> Arrows:
    """The same of any modules, by what each imports. Raises ValueError where a room has no place in ROOMS."""
    rooms = {module: room_of(module, any(imported[module])) for module in imported}
    counts = Counter((rooms[module], rooms[other]) for module, others in imported.items() for other in others)
    unknown = set(rooms.values()) - {room.name for room in ROOMS}
    if unknown:
        missing = ", ".join(sorted(unknown))
        raise ValueError(f"infra/house/rooms.py: ROOMS: {missing} has no place in the picture: add its row and column")
    return Counter({pair: count for pair, count in counts.items() if pair[0] != pair[1]})
