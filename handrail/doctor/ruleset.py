"""Whether the rules that decide are those in the folder, and what else lies on their topic."""

from collections.abc import Iterator

from handrail.doctor.line import Line, ok, warn
from handrail.doctor.place import Place
from handrail.policies import load_bundle
from handrail.schemas.errors import HandrailError
from handrail.schemas.topics import POLICIES, STATES
from handrail.streams.engine.activate import by_answer, in_force, listed
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.reading import PASSED_MAX, partitions
from handrail.streams.governor import trust


async def look(place: Place) -> list[Line]:
    """What is in force in each partition, as the log says, beside the folder's; and records that are passed over."""
    if not await partitions(place.bootstrap, [POLICIES]) or not await partitions(place.bootstrap, [STATES]):
        return []
    bundles = Bundles(place.bootstrap)
    await bundles.refresh()
    states = await in_force(place.bootstrap)
    for one in states.values():
        if one.ruleset and await bundles.load(one.ruleset):
            await bundles.newest_for(trust.keys_of(one, bundles.known[one.ruleset]), one.ruleset)
    held = by_answer({number: one.ruleset for number, one in states.items()})
    return [*_deciding(place, held, bundles), *_passed(bundles)]


def _deciding(place: Place, held: dict[str | None, list[int]], bundles: Bundles) -> Iterator[Line]:
    names = sorted(name for name in held if name)
    told = "; ".join(f"{name} decides" + (f" in {listed(held[name])}" if len(held) > 1 else "") for name in names)
    folder = _folder(place)
    if not names:
        why = f"{bundles.newest} was published, and none is in force" if bundles.newest else "none was published"
        yield warn("ruleset", f"{why}: every proposal is blocked", "start `handrail up` or a worker")
    elif lost := [name for name in names if name not in bundles.known]:
        mend = "a worker that holds it writes it again; else start one with --policies and the folder it was made of"
        yield warn("ruleset", f"{told}; {lost[0]} is not on {POLICIES} any more, or not usable here", mend)
    elif folder is not None and names != [folder]:
        mend = f"`handrail policy activate {place.policies}` puts the folder's in force"
        yield warn("ruleset", f"{told}, the folder {place.policies} has {folder}", mend)
    elif len(held) > 1:
        yield warn("ruleset", told, "`handrail policy activate FOLDER` puts one in force everywhere")
    else:
        yield ok("ruleset", told + (", as in the folder" if folder else ""))


def _passed(bundles: Bundles) -> Iterator[Line]:
    for one in bundles.passed[:PASSED_MAX]:
        yield warn("ruleset", f"passed over: {one}", f"`handrail policy withdraw {one.offset}` takes it off")
    if (more := len(bundles.passed) - PASSED_MAX) > 0:
        yield warn("ruleset", f"{more:,} more records on {POLICIES} are passed over", "who may write there?")


def _folder(place: Place) -> str | None:
    try:
        return load_bundle(place.policies).ruleset if place.policies is not None else None
    except HandrailError:
        return None  # the check of the folder says what is wrong with it
