"""Tools that agents propose and no file names, and what files name that nobody ever proposed."""

from collections import Counter

import duckdb

from handrail.doctor.line import Line, ok, warn
from handrail.doctor.place import Place
from handrail.policies import Bundle, load_bundle
from handrail.policies.mistakes import nearest
from handrail.policies.names import ToolNames
from handrail.schemas.action import canonical_tool
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.streams.sink.reading import open_readonly

SEEN = "SELECT tool, count(*) FROM events WHERE type = 'handrail.action.proposed.v1' AND tool IS NOT NULL GROUP BY tool"
ENOUGH = 10  # proposals; with fewer a tool may only not have come yet
SHOWN_MAX = 10
MEND = "name it in tools.yaml, or correct the name there and in the rules: no rule for single tools holds for it"
UNSEEN_MEND = "are these the names that your agents and gateways use? Take out what no agent has"


def look(place: Place) -> list[Line]:
    """One line for each tool that is not named, most often proposed first, and one for all that were never seen."""
    try:
        named = _named(load_bundle(place.policies)) if place.policies is not None else ToolNames(())
        with open_readonly(place.data).connection as connection:
            seen = Counter({canonical_tool(tool): times for tool, times in connection.execute(SEEN).fetchall()})
    except (HandrailError, ConfigError, duckdb.Error):
        return []  # the checks of the folder and of the database say what is wrong with them
    if not named.names or not seen:
        return []
    strange = [(tool, times) for tool, times in seen.most_common() if not named(tool)]
    found = [_strange(tool, times, named) for tool, times in strange[:SHOWN_MAX]]
    if len(strange) > SHOWN_MAX:
        found.append(warn("tools", f"{len(strange) - SHOWN_MAX} more tools were proposed and are named nowhere", MEND))
    return [*found, *_unseen(seen, named)] or [ok("tools", f"all {len(seen)} that were proposed are named")]


def _named(bundle: Bundle) -> ToolNames:
    """Every tool that `tools.yaml` or the scope of a rule names."""
    scopes = (rule.scope.tools for policy in bundle.policies for rule in policy.rules)
    return ToolNames([*bundle.tools.names.names, *(name for scope in scopes if scope for name in scope.names)])


def _strange(tool: str, times: int, named: ToolNames) -> Line:
    parts = tool.split("_")
    ends = ["_".join(parts[at:]) for at in range(len(parts))]
    near = next((found for end in ends if (found := end if named(end) else nearest(end, named.names))), None)
    hint = f": did you mean {near}?" if near else ""
    return warn("tools", f"{tool} ({times} proposals) is named in no rule and not in tools.yaml{hint}", MEND)


def _unseen(seen: Counter[str], named: ToolNames) -> list[Line]:
    if seen.total() < ENOUGH:
        return []
    met = {named.named(tool) for tool in seen}
    never = [name for name in named.names if name not in met]
    more = f" and {len(never) - SHOWN_MAX} more" if len(never) > SHOWN_MAX else ""
    told = f"named, and never proposed: {', '.join(never[:SHOWN_MAX])}{more}"
    return [warn("tools", told, UNSEEN_MEND)] if never else []
