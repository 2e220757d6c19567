"""Whether the rules that decide are those in the folder."""

from handrail.doctor.line import Line, ok, warn
from handrail.doctor.place import Place
from handrail.policies import load_bundle
from handrail.schemas.errors import HandrailError
from handrail.schemas.topics import POLICIES
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.scan import partitions


async def look(place: Place) -> list[Line]:
    """The newest published bundle beside the folder's. Raises EngineError where it cannot be used here."""
    if not await partitions(place.bootstrap, [POLICIES]):
        return []
    bundles = Bundles(place.bootstrap)
    await bundles.refresh()
    if not bundles.newest:
        return [warn("ruleset", "none was published: every proposal is blocked", "start `handrail up` or a worker")]
    folder = _folder(place)
    if folder is not None and folder != bundles.newest:
        told = f"{bundles.newest} decides, the folder {place.policies} has {folder}"
        return [warn("ruleset", told, f"`handrail policy activate {place.policies}` puts the folder's in force")]
    return [ok("ruleset", f"{bundles.newest} decides" + (", as in the folder" if folder else ""))]


def _folder(place: Place) -> str | None:
    try:
        return load_bundle(place.policies).ruleset if place.policies is not None else None
    except HandrailError:
        return None  # the check of the folder says what is wrong with it
