"""What each part of Handrail needs to do on Kafka, and nothing else: one table."""

from dataclasses import dataclass

from handrail.kafka.rights import Kind, Operation, Right
from handrail.schemas.topics import (
    AGENT_EVENTS,
    ALERTS,
    AUDIT,
    CATALOGUE,
    DEADLETTERS,
    DECISIONS,
    HANDOFFS,
    POLICIES,
    RESOLUTIONS,
    STATES,
)

GROUP, HOOKS_GROUP = "handrail", "handrail-hooks"
ALL = tuple(CATALOGUE)


@dataclass(frozen=True, slots=True)
class Role:
    """Topics by what is done with them. Who reads or writes a topic may see it, and has no entry in `sees`.

    `group`: what is done with the workers' group; `hooks`: whether it has groups of hooks.
    """

    what: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    group: Operation | None = None
    hooks: bool = False


STAMPED = (AGENT_EVENTS,)  # whoever looks whether all topics are there sees them all, and how this one is stamped

ROLES: dict[str, Role] = {
    "agent": Role("asks, acts and tells", (DECISIONS, HANDOFFS, RESOLUTIONS), (AGENT_EVENTS,)),
    "executor": Role("tells what came of an action that it ran for an agent", (), (AGENT_EVENTS,), sees=(DECISIONS,)),
    "worker": Role(
        "decides",
        (AGENT_EVENTS, RESOLUTIONS, POLICIES, STATES, ALERTS),
        (AGENT_EVENTS, DECISIONS, HANDOFFS, ALERTS, DEADLETTERS, POLICIES, STATES),
        sees=ALL,
        settings=STAMPED,
        group="Read",
    ),
    "sink": Role(
        "stores everything for analysis, and tells of drift",
        (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS, ALERTS, DEADLETTERS),
        (ALERTS,),
        sees=ALL,
        settings=STAMPED,
    ),
    "desk": Role(
        "where people work handoffs: the desk, `handrail handoffs`",
        (HANDOFFS, RESOLUTIONS, DECISIONS, ALERTS, AGENT_EVENTS),
        (RESOLUTIONS, AUDIT),
        sees=ALL,
        settings=STAMPED,
    ),
    "hooks": Role(
        "tells other systems, and hears from them",
        (HANDOFFS, RESOLUTIONS, ALERTS),
        (RESOLUTIONS, DEADLETTERS),
        sees=ALL,
        settings=STAMPED,
        hooks=True,
    ),
    "analyst": Role(
        "reads: `verify`, `export`, `deadletters list`",
        (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS, ALERTS, DEADLETTERS, POLICIES),
    ),
    "operator": Role(
        "makes topics, activates policies, writes controls, redrives; `doctor`",
        (AGENT_EVENTS, RESOLUTIONS, DEADLETTERS, POLICIES, STATES),
        (AGENT_EVENTS, RESOLUTIONS, DEADLETTERS, POLICIES),
        sees=ALL,
        settings=ALL,
        creates=ALL,
        group="Describe",
    ),
}


def rights_of(role: str, group: str = GROUP, hooks_group: str = HOOKS_GROUP) -> tuple[Right, ...]:
    """In a fixed order, each once. `group`: of the workers; `hooks_group`: what the groups of hooks begin with."""
    needs, rights = ROLES[role], set[Right]()
    known = {*needs.reads, *needs.writes}
    named: tuple[tuple[Operation, tuple[str, ...]], ...] = (
        ("Read", needs.reads),
        ("Write", needs.writes),
        ("Describe", tuple(name for name in needs.sees if name not in known)),
        ("DescribeConfigs", needs.settings),
        ("Create", needs.creates),
    )
    for operation, topics in named:
        rights |= {_right("topic", name, operation) for name in topics}
    if needs.group is not None:
        rights.add(_right("group", group, needs.group))
    if needs.hooks:
        rights.add(Right("group", f"{hooks_group}.", "Read", prefixed=True))
    return tuple(sorted(rights))


def _right(kind: Kind, name: str, operation: Operation) -> Right:
    return Right(kind, name, operation)
