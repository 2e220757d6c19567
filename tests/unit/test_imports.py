"""No two modules of the package import each other, be it for types only or within a function."""

from collections.abc import Iterator

import grimp
import pytest


def circles(graph: grimp.ImportGraph) -> Iterator[tuple[str, ...]]:
    """The shortest circle through each module that is in one, once, beginning with its first name."""
    shown = set()
    for module in sorted(graph.modules):
        chains = [
            graph.find_shortest_chain(importer=imported, imported=module)
            for imported in graph.find_modules_directly_imported_by(module)
        ]
        if circle := min((chain for chain in chains if chain is not None), key=len, default=None):
            start = circle.index(min(circle))
            ordered = (*circle[start:], *circle[:start])
            if ordered not in shown:
                shown.add(ordered)
                yield ordered


def described(graph: grimp.ImportGraph, circle: tuple[str, ...]) -> str:
    """One line for each import of the circle."""
    steps = zip(circle, (*circle[1:], circle[0]), strict=True)
    details = [graph.get_import_details(importer=importer, imported=imported)[0] for importer, imported in steps]
    return "\n".join(f"  {line['importer']}:{line['line_number']}: {line['line_contents']}" for line in details)


@pytest.fixture(scope="module")
def package() -> grimp.ImportGraph:
    return grimp.build_graph("handrail", cache_dir=None)


def test_no_modules_import_each_other(package: grimp.ImportGraph) -> None:
    there = list(circles(package))
    assert not there, "import circles: move what both need to a third module:\n" + "\n\n".join(
        described(package, circle) for circle in there
    )


def test_a_circle_is_shown_by_its_imports() -> None:
    graph = grimp.ImportGraph()
    for number, (importer, imported) in enumerate([("c", "a"), ("a", "b"), ("b", "c"), ("d", "a"), ("c", "e")], 1):
        line = f"from {imported} import x"
        graph.add_import(importer=importer, imported=imported, line_number=number, line_contents=line)
    (circle,) = circles(graph)
    assert circle == ("a", "b", "c")
    assert described(graph, circle).splitlines() == [
        "  a:2: from b import x",
        "  b:3: from c import x",
        "  c:1: from a import x",
    ]
