"""Policies: whether the folder loads and decides, and which rules and names of tools have no effect."""

from collections import Counter
from collections.abc import Iterator

import duckdb

from handrail.doctor.installation import Installation
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.policies import Bundle, load_bundle
from handrail.policies.lint import all_warnings
from handrail.policies.mistakes import nearest
from handrail.policies.names import ToolNames
from handrail.schemas.action import canonical_tool
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.topics import POLICIES, STATES
from handrail.streams.engine.activate import by_answer, in_force, listed
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.reading import PASSED_MAX, partitions
from handrail.streams.governor import trust
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.skipped import always_skipped

WARNING_REMEDY = "`handrail policy check` says it too"
IDLE_REMEDY = "say in tools.yaml where the tool has it (fields, facts), or correct the name in the rule"
PROPOSED_TOOLS = (
    "SELECT tool, count(*) FROM events WHERE type = 'handrail.action.proposed.v1' AND tool IS NOT NULL GROUP BY tool"
)
PROPOSALS_MIN = 10  # with fewer, a tool may just not have been proposed yet
SHOWN_MAX = 10
UNNAMED_REMEDY = (
    "name it in tools.yaml, or correct the name there and in the rules: no rule for single tools holds for it"
)
UNUSED_REMEDY = "are these the names that your agents and gateways use? Take out what no agent has"


def check_policy_folder(installation: Installation) -> list[Line]:
    """One line with the contents of the folder, or one for each mistake."""
    if installation.policies is None:
        return [ok("policies", "no folder given: built-in limits and routes, or what is active on the broker")]
    try:
        bundle = load_bundle(installation.policies)
    except HandrailError as error:
        return [wrong("policies", line, "") for line in str(error).splitlines()]
    rules = sum(len(policy.rules) for policy in bundle.policies)
    message = f"{installation.policies}: {len(bundle.policies)} policies, {rules} rules, ruleset {bundle.ruleset}"
    return [
        ok("policies", message),
        *(warn("policies", str(warning), WARNING_REMEDY) for warning in all_warnings(bundle)),
    ]


def check_idle_rules(installation: Installation) -> list[Line]:
    """One line for each rule of the newest ruleset that never acted, because no event has had its field."""
    try:
        with open_readonly(installation.data).connection as connection:
            return [
                warn("rule", f"{rule}: it has never judged anything", IDLE_REMEDY)
                for rule in always_skipped(connection)
            ]
    except (ConfigError, duckdb.Error):
        return []  # check_database reports it


def check_tool_names(installation: Installation) -> list[Line]:
    """One line for each proposed tool that no file names, the most frequent first; one for the tools never proposed."""
    try:
        named = _named_tools(load_bundle(installation.policies)) if installation.policies is not None else ToolNames(())
        with open_readonly(installation.data).connection as connection:
            proposed = Counter(
                {canonical_tool(tool): times for tool, times in connection.execute(PROPOSED_TOOLS).fetchall()}
            )
    except (HandrailError, ConfigError, duckdb.Error):
        return []  # check_policy_folder and check_database report it
    if not named.names or not proposed:
        return []
    unnamed = [(tool, times) for tool, times in proposed.most_common() if not named(tool)]
    lines = [_describe_unnamed(tool, times, named) for tool, times in unnamed[:SHOWN_MAX]]
    if len(unnamed) > SHOWN_MAX:
        lines.append(
            warn("tools", f"{len(unnamed) - SHOWN_MAX} more tools were proposed and are named nowhere", UNNAMED_REMEDY)
        )
    return [*lines, *_describe_unused(proposed, named)] or [
        ok("tools", f"all {len(proposed)} that were proposed are named")
    ]


def _named_tools(bundle: Bundle) -> ToolNames:
    """Every tool that `tools.yaml` or the scope of a rule names."""
    scopes = (rule.scope.tools for policy in bundle.policies for rule in policy.rules)
    return ToolNames([*bundle.tools.names.names, *(name for scope in scopes if scope for name in scope.names)])


def _describe_unnamed(tool: str, times: int, named: ToolNames) -> Line:
    parts = tool.split("_")
    ends = ["_".join(parts[at:]) for at in range(len(parts))]
    near = next((name for end in ends if (name := end if named(end) else nearest(end, named.names))), None)
    hint = f": did you mean {near}?" if near else ""
    return warn("tools", f"{tool} ({times} proposals) is named in no rule and not in tools.yaml{hint}", UNNAMED_REMEDY)


def _describe_unused(proposed: Counter[str], named: ToolNames) -> list[Line]:
    if proposed.total() < PROPOSALS_MIN:
        return []
    named_tools = {named.named(tool) for tool in proposed}
    never = [name for name in named.names if name not in named_tools]
    more = f" and {len(never) - SHOWN_MAX} more" if len(never) > SHOWN_MAX else ""
    message = f"named, and never proposed: {', '.join(never[:SHOWN_MAX])}{more}"
    return [warn("tools", message, UNUSED_REMEDY)] if never else []


async def check_ruleset(installation: Installation) -> list[Line]:
    """The ruleset in force in each partition, compared with the folder's; and records that workers pass over."""
    if not await partitions(installation.bootstrap, [POLICIES]) or not await partitions(
        installation.bootstrap, [STATES]
    ):
        return []
    bundles = Bundles(installation.bootstrap)
    await bundles.refresh()
    states = await in_force(installation.bootstrap)
    for state in states.values():
        if state.ruleset and await bundles.load(state.ruleset):
            await bundles.newest_for(trust.keys_of(state, bundles.known[state.ruleset]), state.ruleset)
    rulesets = by_answer({number: state.ruleset for number, state in states.items()})
    return [*_describe_in_force(installation, rulesets, bundles), *_describe_passed_over(bundles)]


def _describe_in_force(
    installation: Installation, rulesets: dict[str | None, list[int]], bundles: Bundles
) -> Iterator[Line]:
    names = sorted(name for name in rulesets if name)
    message = "; ".join(
        f"{name} decides" + (f" in {listed(rulesets[name])}" if len(rulesets) > 1 else "") for name in names
    )
    folder = _folder_ruleset(installation)
    if not names:
        why = f"{bundles.newest} was published, and none is in force" if bundles.newest else "none was published"
        yield warn("ruleset", f"{why}: every proposal is blocked", "start `handrail up` or a worker")
    elif lost := [name for name in names if name not in bundles.known]:
        remedy = "a worker that holds it writes it again; else start one with --policies and the folder it was made of"
        yield warn("ruleset", f"{message}; {lost[0]} is not on {POLICIES} any more, or not usable here", remedy)
    elif folder is not None and names != [folder]:
        remedy = f"`handrail policy activate {installation.policies}` puts the folder's in force"
        yield warn("ruleset", f"{message}, the folder {installation.policies} has {folder}", remedy)
    elif len(rulesets) > 1:
        yield warn("ruleset", message, "`handrail policy activate FOLDER` puts one in force everywhere")
    else:
        yield ok("ruleset", message + (", as in the folder" if folder else ""))


def _describe_passed_over(bundles: Bundles) -> Iterator[Line]:
    for record in bundles.passed[:PASSED_MAX]:
        yield warn("ruleset", f"passed over: {record}", f"`handrail policy withdraw {record.offset}` takes it off")
    if (more := len(bundles.passed) - PASSED_MAX) > 0:
        yield warn("ruleset", f"{more:,} more records on {POLICIES} are passed over", "who may write there?")


def _folder_ruleset(installation: Installation) -> str | None:
    try:
        return load_bundle(installation.policies).ruleset if installation.policies is not None else None
    except HandrailError:
        return None  # check_policy_folder reports it
