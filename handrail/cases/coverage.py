"""Rules that no case made fire: nobody has seen that they can."""

from collections.abc import Iterable

from handrail.cases.fold import Got
from handrail.policies import Bundle


def never_fired(bundle: Bundle, got: Iterable[Got]) -> list[str]:
    """The rules of a bundle, as `policy/rule`, that fired in none of the answers. A rule in shadow counts as well."""
    fired = {rule for each in got for rule in each.rules}
    rules = (f"{policy.id}/{rule.id}" for policy in bundle.policies for rule in policy.rules)
    return [rule for rule in rules if rule not in fired]
