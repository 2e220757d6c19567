"""The outcome of a case compared with what it wants, and rules that fired in no case."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from handrail.cases.fold import Outcome
from handrail.policies import Bundle
from handrail.policies.case import PolicyCase


class Difference(NamedTuple):
    """One thing that is not as the case wants it; `name` without its `want_`."""

    name: str
    wanted: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.name}: wanted {_words(self.wanted)}, got {_words(self.got)}"


def differences(case: PolicyCase, outcome: Outcome) -> list[Difference]:
    """Every difference between what the case wants and the outcome, in the order of the keys of a case."""
    if outcome.refused is not None:
        return [Difference("verdict", case.wants["want_verdict"], outcome.refused)]
    actual = {name: _ACTUAL[name](case, outcome) for name in case.wants}
    return [
        Difference(name.removeprefix("want_"), wanted, actual[name])
        for name, wanted in case.wants.items()
        if actual[name] != wanted
    ]


def _of(case: PolicyCase, names: Iterable[str]) -> list[str]:
    """The names that belong to the policies that the case compares."""
    return [name for name in names if not case.policies or name.partition("/")[0] in case.policies]


def _first(outcome: Outcome, key: str) -> Any:
    return outcome.first[key] if outcome.first else None


def _evidence(case: PolicyCase, outcome: Outcome) -> dict[str, Any]:
    """As much of the evidence as the case names."""
    evidence = _first(outcome, "evidence") or {}
    return {key: evidence[key] for key in case.wants["want_evidence"] if key in evidence}


_ACTUAL: dict[str, Callable[[PolicyCase, Outcome], Any]] = {
    "want_verdict": lambda _, got: got.verdict,
    "want_route": lambda _, got: got.route,
    "want_handoff": lambda _, got: got.handoff,
    "want_rules": lambda case, got: _of(case, got.rules),
    "want_skipped": lambda case, got: _of(case, got.skipped),
    "want_codes": lambda _, got: list(got.codes),
    "want_message": lambda _, got: _first(got, "message"),
    "want_customer_message": lambda _, got: got.customer_message,
    "want_evidence": _evidence,
}


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value is None else str(value)


def never_fired(bundle: Bundle, outcomes: Iterable[Outcome]) -> list[str]:
    """The rules of a bundle, as `policy/rule`, that fired in none of the answers. A rule in shadow counts as well."""
    fired = {rule for outcome in outcomes for rule in outcome.rules}
    rules = (f"{policy.id}/{rule.id}" for policy in bundle.policies for rule in policy.rules)
    return [rule for rule in rules if rule not in fired]
