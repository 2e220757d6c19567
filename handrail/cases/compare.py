"""What a case wants beside what it got."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from handrail.cases.fold import Got
from handrail.policies.case import PolicyCase


class Difference(NamedTuple):
    """One thing that is not as the case wants it; `name` without its `want_`."""

    name: str
    wanted: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.name}: wanted {_words(self.wanted)}, got {_words(self.got)}"


def differences(case: PolicyCase, got: Got) -> list[Difference]:
    """Everything that is not as the case wants it, in the order of the keys of a case."""
    if got.refused is not None:
        return [Difference("verdict", case.wants["want_verdict"], got.refused)]
    found = {name: _FOUND[name](case, got) for name in case.wants}
    return [
        Difference(name.removeprefix("want_"), wanted, found[name])
        for name, wanted in case.wants.items()
        if found[name] != wanted
    ]


def _of(case: PolicyCase, names: Iterable[str]) -> list[str]:
    """Those of the policies that the case compares."""
    return [name for name in names if not case.policies or name.partition("/")[0] in case.policies]


def _first(got: Got, key: str) -> Any:
    return got.first[key] if got.first else None


def _evidence(case: PolicyCase, got: Got) -> dict[str, Any]:
    """As much of the evidence as the case names."""
    evidence = _first(got, "evidence") or {}
    return {key: evidence[key] for key in case.wants["want_evidence"] if key in evidence}


_FOUND: dict[str, Callable[[PolicyCase, Got], Any]] = {
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
