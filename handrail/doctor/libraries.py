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
        lines += _group(extra, [requirement for requirement in asked if _belongs(requirement, extra)])
    return lines


def _order(extra: str) -> int:
    known = list(_purposes())
    return known.index(extra) if extra in known else len(known)


def _belongs(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return extra == BASE
    return (
        extra != BASE
        and requirement.marker.evaluate({"extra": extra})
        and not requirement.marker.evaluate({"extra": BASE})
    )


def _group(extra: str, asked: Iterable[Requirement]) -> list[Line]:
    what = f"extra {extra}" if extra else "base"
    install = f"pip install 'handrail{f'[{extra}]' if extra else ''}'"
    versions = {requirement: _version(requirement.name) for requirement in asked}
    missing = [requirement.name for requirement, version in versions.items() if version is None]
    if extra not in NEEDED and missing:
        return [ok(what, f"not installed ({_purposes().get(extra, extra)}): lacks {', '.join(missing)}", install)]
    lines = [
        wrong(what, f"{requirement.name} {version or 'is not installed'}, required {requirement.specifier}", install)
        for requirement, version in versions.items()
        if version is None or not requirement.specifier.contains(version, prereleases=True)
    ]
    installed = ", ".join(f"{requirement.name} {version}" for requirement, version in versions.items())
    return lines or [ok(what, f"installed ({_purposes().get(extra, extra)}): {installed}")]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
