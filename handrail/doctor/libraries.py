"""The libraries: what is required, what is there."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from handrail.adapters import adapters
from handrail.doctor.line import Line, ok, wrong

BASE = ""
NEEDED = (BASE, "server")  # for this command; without another extra something else is not there


def _purposes() -> dict[str, str]:
    """What each extra is for, in the order of the lines."""
    return {
        BASE: "for agents",
        "server": "for worker, sink and this command",
        "demo": "for the embedded broker and the demo",
        **{extra: f"for agents that use {module}" for extra, module in adapters().items()},
        "dev": "for tests; needed only to work on Handrail itself",
    }


def look() -> list[Line]:
    """One line for each group of requirements, and one for each library that does not fit."""
    asked = [Requirement(text) for text in requires("handrail") or ()]
    extras = metadata("handrail").get_all("Provides-Extra") or []
    lines: list[Line] = []
    for extra in (BASE, *sorted(extras, key=_order)):
        lines += _group(extra, [one for one in asked if _belongs(one, extra)])
    return lines


def _order(extra: str) -> int:
    known = list(_purposes())
    return known.index(extra) if extra in known else len(known)


def _belongs(one: Requirement, extra: str) -> bool:
    if one.marker is None:
        return extra == BASE
    return extra != BASE and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate({"extra": BASE})


def _group(extra: str, asked: Iterable[Requirement]) -> list[Line]:
    what = f"extra {extra}" if extra else "base"
    install = f"pip install 'handrail{f'[{extra}]' if extra else ''}'"
    found = {one: _version(one.name) for one in asked}
    missing = [one.name for one, there in found.items() if there is None]
    if extra not in NEEDED and missing:
        return [ok(what, f"not installed ({_purposes().get(extra, extra)}): lacks {', '.join(missing)}", install)]
    lines = [
        wrong(what, f"{one.name} {there or 'is not installed'}, required {one.specifier}", install)
        for one, there in found.items()
        if there is None or not one.specifier.contains(there, prereleases=True)
    ]
    told = ", ".join(f"{one.name} {there}" for one, there in found.items())
    return lines or [ok(what, f"installed ({_purposes().get(extra, extra)}): {told}")]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
