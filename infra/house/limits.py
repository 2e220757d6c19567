"""The limits of limits.toml: which are broken, one line for each, and the same file with lower numbers."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.house.figures import Module, named, small

SMALL_MODULES_AIM = 40
MOST_SHOWN = 3  # modules of a line that is about all of them


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of limits.toml. `longer`: lines allowed by `path` or `path:function`, beyond the general limit."""

    module_lines_max: int
    function_lines_max: int
    small_module_lines: int
    small_modules_max: int
    longer: dict[str, int]
    names: dict[str, int]


def load(path: Path) -> Limits:
    """The limits of that file. Raises TOMLDecodeError, KeyError or TypeError where it is not one."""
    tables = tomllib.loads(path.read_text())
    return Limits(**tables["limits"], longer=tables["longer"], names=tables["names"])


def broken(modules: list[Module], limits: Limits) -> list[str]:
    """A line for each limit that does not hold: where, what, and what to do."""
    return [*_long(modules, limits), *_small(modules, limits), *_vague(modules, limits)]


def _sizes(modules: list[Module], limits: Limits) -> Iterator[tuple[str, str, int, int]]:
    """(key in `longer`, place, lines, limit) of each module and function."""
    for module in modules:
        yield module.path, module.path, module.lines, limits.module_lines_max
        for function in module.functions:
            place = f"{module.path}:{function.line}: {function.name}"
            yield f"{module.path}:{function.name}", place, function.lines, limits.function_lines_max


def _long(modules: list[Module], limits: Limits) -> Iterator[str]:
    for key, place, lines, lines_max in _sizes(modules, limits):
        allowed = max(lines_max, limits.longer.get(key, 0))
        if lines > allowed:
            yield f"{place}: {lines} lines, at most {allowed}: split it where a second concept begins"


def _small(modules: list[Module], limits: Limits) -> Iterator[str]:
    crumbs = small(modules, limits.small_module_lines)
    if len(crumbs) > limits.small_modules_max:
        smallest = sorted(crumbs, key=lambda module: (module.lines, module.path))[:MOST_SHOWN]
        yield (
            f"handrail: {len(crumbs)} modules under {limits.small_module_lines} lines, at most "
            f"{limits.small_modules_max}: merge one with what it belongs to, such as "
            + ", ".join(f"{module.path} ({module.lines})" for module in smallest)
        )


def _vague(modules: list[Module], limits: Limits) -> Iterator[str]:
    for name, named_max in limits.names.items():
        if (count := named(modules, name)) > named_max:
            most = sorted(modules, key=lambda module: (-module.names[name], module.path))[:MOST_SHOWN]
            yield (
                f"handrail: {count:,} things are named `{name}`, at most {named_max:,}: say what yours is; most in "
                + ", ".join(f"{module.path} ({module.names[name]})" for module in most)
            )


def tightened(text: str, modules: list[Module], limits: Limits) -> str:
    """The text of limits.toml with no number higher than what is there, and none of `longer` that is not needed."""
    crumbs = max(SMALL_MODULES_AIM, len(small(modules, limits.small_module_lines)))
    text = _lower(text, "small_modules_max", crumbs)
    for name in limits.names:
        text = _lower(text, name, named(modules, name))
    longest: dict[str, int] = {}
    for key, _, lines, lines_max in _sizes(modules, limits):
        if key in limits.longer and lines > lines_max:
            longest[key] = max(lines, longest.get(key, 0))
    for key in limits.longer:
        text = _lower(text, f'"{key}"', longest[key]) if key in longest else _without(text, f'"{key}"')
    return text


def _lower(text: str, key: str, value: int) -> str:
    line = re.compile(rf"^({re.escape(key)} = )(\d+)", re.MULTILINE)
    return line.sub(lambda match: f"{match[1]}{min(int(match[2]), value)}", text)


def _without(text: str, key: str) -> str:
    return re.sub(rf"^{re.escape(key)} = .*\n", "", text, flags=re.MULTILINE)
