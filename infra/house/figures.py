"""How big the house is: the modules of a package, their lines, their functions, and the vague names in them."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method; `lines` from `def` to its last line, docstring included."""

    name: str
    line: int
    lines: int


@dataclass(frozen=True, slots=True)
class Module:
    """A module; `path` within the project, and how often something in it is given each name."""

    path: str
    lines: int
    functions: tuple[Function, ...]
    names: Counter[str]

    @property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")


def read(root: Path, package: str) -> list[Module]:
    """Every module below `root`/`package`, by path. Raises SyntaxError where one is no Python."""
    return [_module(path, path.relative_to(root).as_posix()) for path in sorted((root / package).rglob("*.py"))]


def _module(path: Path, name: str) -> Module:
    text = path.read_text()
    nodes = list(ast.walk(ast.parse(text, name)))
    functions = (
        Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    by_line = tuple(sorted(functions, key=lambda function: function.line))
    return Module(name, len(text.splitlines()), by_line, Counter(_names(nodes)))


def _names(nodes: list[ast.AST]) -> Iterator[str]:
    """Where locals, parameters, functions and classes get their names, without leading underscores."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name.lstrip("_")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name.lstrip("_")


def small(modules: list[Module], lines: int) -> list[Module]:
    """The modules under that many lines; `__init__.py` is none."""
    return [module for module in modules if module.lines < lines and not module.is_package]


def named(modules: list[Module], name: str) -> int:
    """How often something is given that name in all of them."""
    return sum(module.names[name] for module in modules)


def table(modules: list[Module], small_lines: int, names: list[str]) -> str:
    """The figures as lines of text, one for each."""
    lengths = sorted(function.lines for module in modules for function in module.functions)
    largest = max(modules, key=lambda module: module.lines)
    longest = max(
        ((module.path, function) for module in modules for function in module.functions),
        key=lambda pair: pair[1].lines,
    )
    rows = {
        "modules": f"{len(modules):,}, {sum(module.is_package for module in modules)} of them __init__.py",
        "lines": f"{sum(module.lines for module in modules):,}",
        f"modules under {small_lines} lines": f"{len(small(modules, small_lines))}",
        "largest module": f"{largest.lines} lines: {largest.path}",
        "functions": f"{len(lengths):,}",
        "lines of a function": f"median {median(lengths):g}, 90th percentile {quantiles(lengths, n=10)[8]:g}",
        "longest function": f"{longest[1].lines} lines: {longest[0]}:{longest[1].line} {longest[1].name}",
        "vague names": ", ".join(f"{name} {named(modules, name):,}" for name in names),
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
