"""All checks in order: from what needs nothing to what needs the broker."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from handrail.doctor import (
    broker,
    database,
    embedded,
    endpoints,
    folder,
    group,
    libraries,
    machine,
    named,
    policies,
    rules,
    ruleset,
    settings,
    sink,
    topics,
)
from handrail.doctor.bounded import bounded, in_thread
from handrail.doctor.line import Line, wrong
from handrail.doctor.place import Place, place
from handrail.schemas.errors import ConfigError


async def examine(options: Mapping[str, Any]) -> AsyncIterator[list[Line]]:
    """The lines of each check, as soon as it is done."""
    for what, look in {"python": machine.look, "libraries": libraries.look}.items():
        yield await bounded(what, partial(in_thread, look))
    try:
        found = place(options)
    except ConfigError as error:  # without settings nobody knows where to look
        yield [wrong("settings", str(error), "")]
        return
    for what, look in _here(found).items():
        yield await bounded(what, partial(in_thread, look))
    yield await bounded("http", partial(endpoints.look, found))
    async for lines in _there(found):
        yield lines


def _here(place: Place) -> dict[str, Callable[[], list[Line]]]:
    """What this machine knows by itself."""
    return {
        "settings": partial(settings.look, place),
        "policies": partial(policies.look, place),
        "data": partial(folder.look, place),
        "database": partial(database.look, place),
        "rules": partial(rules.look, place),
        "tools": partial(named.look, place),
        "embedded broker": embedded.look,
    }


async def _there(place: Place) -> AsyncIterator[list[Line]]:
    """What the broker knows."""
    unknown = await bounded("broker", partial(in_thread, partial(broker.resolve, place)))
    if unknown:
        yield unknown
        return
    async with broker.Visit(place) as visit:
        yield await bounded("broker", visit.look)
        if (found := visit.found) is not None:
            yield await bounded("topics", partial(topics.look, found))
            yield await bounded("workers", partial(group.look, place, found))
            yield await bounded("ruleset", partial(ruleset.look, place))
            yield await bounded("sink", partial(sink.look, place, found))
