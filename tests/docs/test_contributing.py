"""CONTRIBUTING.md stays true: its paths are there, its rooms are those of the house, its recipes are short."""

import re
from pathlib import Path

import pytest

from infra.house.rooms import ROOMS
from tests.docs.test_links import LINK, anchors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
TEXT = PAGE.read_text()
FILE = re.compile(r"`((?:\.?[\w-]+/)*[\w.-]+\.(?:py|sql|json|toml|yaml|md|txt)|(?:[\w-]+/)+[\w-]+/?)`")
OF_ONE = "NAME"  # stands for a name that the reader chooses
# What other changes bring; a line here goes when its path is there.
COMING: set[str] = set()
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
FILES_MAX = {
    "A detector with a limit": 5,
    "A scorer": 3,
    "An event type": 5,
    "An adapter": 6,
    "A view": 3,
    "An operator of policies": 5,
}
RECIPE = re.compile(r"^### (.+?)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
RECIPES = dict(RECIPE.findall(TEXT.partition("\n## Recipes")[2]))
PATHS = sorted({path for path in FILE.findall(TEXT) if "/" in path or (ROOT / path).suffix in (".toml", ".txt", ".md")})


def places(path: str) -> list[Path]:
    """What lies at the path; with NAME in it, everything that is named like it."""
    return list(ROOT.glob(path.replace(OF_ONE, "*")))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_named_is_there(path: str) -> None:
    there = bool(places(path))
    assert there or path in COMING, f"CONTRIBUTING.md names {path}, and nothing is there: name the file that does this"
    assert not (there and path in COMING), f"{path} is there: take it out of COMING"


def test_a_link_leads_somewhere() -> None:
    for link in LINK.findall(TEXT):
        name, _, anchor = link.partition("#")
        assert (ROOT / name).exists(), link
        assert not anchor or anchor in anchors(ROOT / name), link


def test_every_room_of_the_picture_is_described() -> None:
    assert {room.name for room in ROOMS} <= set(re.findall(r"\*\*(\w+)\*\*", TEXT))


def test_the_recipes_are_those_that_were_tried() -> None:
    assert RECIPES.keys() == FILES_MAX.keys()


@pytest.mark.parametrize("recipe", FILES_MAX)
def test_a_recipe_names_its_files_and_no_more_than_it_may(recipe: str) -> None:
    files = ROW.findall(RECIPES[recipe])
    assert 2 <= len(files) <= FILES_MAX[recipe]
    assert [path for path in files if path not in PATHS] == []
    assert any(path.startswith("tests/") for path in files)


def test_the_glossary_has_each_word_once_in_the_order_of_the_alphabet() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) >= 30
    assert words == sorted(set(words), key=str.lower)
