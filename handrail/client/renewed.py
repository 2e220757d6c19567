"""The names of an action that is proposed anew, because its permission came too late: the same ones after a restart.

`a7` becomes `a7~renewed-2`, then `a7~renewed-3`. All of them are one action: a gate lets one of them through, once.
"""

import re

_RENEWED = re.compile(r"(?s)(.+?)~renewed-([1-9][0-9]{0,3})")


def renewed(action_id: str) -> str:
    """The next name of the action."""
    found = _RENEWED.fullmatch(action_id)
    if found is None:
        return f"{action_id}~renewed-2"
    return f"{found[1]}~renewed-{int(found[2]) + 1}"


def first_of(action_id: str) -> str:
    """The name under which the action was proposed first."""
    found = _RENEWED.fullmatch(action_id)
    return action_id if found is None else found[1]
