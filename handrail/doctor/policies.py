"""Whether the policy folder loads."""

from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.policies import load_bundle
from handrail.policies.lint import all_warnings
from handrail.schemas.errors import HandrailError

MEND = "`handrail policy check` says it too"


def look(place: Place) -> list[Line]:
    """One line for what it holds, or one for each mistake."""
    if place.policies is None:
        return [ok("policies", "no folder given: built-in limits and routes, or what is active on the broker")]
    try:
        bundle = load_bundle(place.policies)
    except HandrailError as error:
        return [wrong("policies", line, "") for line in str(error).splitlines()]
    rules = sum(len(policy.rules) for policy in bundle.policies)
    told = f"{place.policies}: {len(bundle.policies)} policies, {rules} rules, ruleset {bundle.ruleset}"
    return [ok("policies", told), *(warn("policies", str(one), MEND) for one in all_warnings(bundle))]
