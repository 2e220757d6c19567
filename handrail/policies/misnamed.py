"""Names in rules that are nearly those of a tool, a field or a fact: the rule most likely never acts."""

from collections.abc import Iterator

from handrail.policies.bundle import Bundle
from handrail.policies.cumulative import Cumulative
from handrail.policies.lookup import CHILDREN, NAMES, ROOTS, is_tool
from handrail.policies.near import nearest
from handrail.policies.policy import Rule
from handrail.schemas.action import canonical_tool


def misnamed(bundle: Bundle, rule: Rule) -> Iterator[str]:
    """What is to be said of each such name of a rule."""
    known = NAMES | bundle.tools.field_names | bundle.tools.fact_names
    for field in dict.fromkeys(leaf.field for leaf in rule.condition.leaves() if not isinstance(leaf, Cumulative)):
        if field not in known and (near := _near_field(field, known)) is not None:
            yield f"{field} is taken from what is judged, as it stands there: did you mean {near}?"
    for tool in _tools(rule):
        if bundle.tools.names.named(tool) is None and (near := nearest(tool, bundle.tools.names.names)) is not None:
            yield f"{tool} is no tool of tools.yaml: did you mean {near}?"


def _near_field(field: str, known: frozenset[str]) -> str | None:
    head, dot, rest = field.partition(".")
    if not dot:
        return nearest(field, known)
    if head in CHILDREN:
        near = nearest(rest, CHILDREN[head])
        return near and f"{head}.{near}"
    near = None if head in ROOTS or head in known else nearest(head, ROOTS)
    return f"{near}.{rest}" if near else nearest(field, known)


def _tools(rule: Rule) -> Iterator[str]:
    """The canonical names that the rule's scope and conditions have."""
    if rule.scope.tools is not None:
        yield from rule.scope.tools.names
    for leaf in rule.condition.leaves():
        if not isinstance(leaf, Cumulative) and is_tool(leaf.parts) and leaf.operator in ("equals", "in_list", "in"):
            named = leaf.threshold if isinstance(leaf.threshold, list) else [leaf.threshold]
            yield from (canonical_tool(name) for name in named if isinstance(name, str))
