"""What a page points to is there: files beside it, headings of other pages, and the tests that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "handrail", "benchmarks")
PAGES = sorted([ROOT / "README.md", *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:tests|docs|policies|schemas|streams|benchmarks|infra|handrail)/[\w./-]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def text(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCED.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The names under which its headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(text(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pages
def test_every_file_of_the_project_that_a_page_names_is_there(page: Path) -> None:
    for name in NAMED.findall(text(page)):
        there = name.rpartition("/")[0] if "NAME" in name else name  # `views/NAME.sql` is any file there
        assert (ROOT / there).exists() or (page.parent / there).exists(), name
        first, _, below = there.strip("/").partition("/")
        assert not below or not (ROOT / first).is_symlink(), (
            f"{name}: name it below handrail/, where no link leads to it"
        )
