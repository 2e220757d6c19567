"""The limits of the house on small trees, and its picture: each rule holds, and says where it does not."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from infra.house import figures, limits, picture, rooms
from infra.house.__main__ import LIMITS, main
from infra.house.limits import Limits
from tests.infra import ROOT

SVG = "{http://www.w3.org/2000/svg}"
BOUNDS = Limits(
    module_lines_max=20,
    function_lines_max=5,
    small_module_lines=3,
    small_modules_max=1,
    longer={},
    names={"one": 2},
)
PLAIN = "import math\n\n\ndef area(radius):\n    return math.pi * radius**2\n"


def house(folder: Path, **files: str) -> list[figures.Module]:
    """A package with these modules."""
    (folder / "shop").mkdir()
    for name, text in files.items():
        (folder / "shop" / f"{name}.py").write_text(text)
    return figures.read(folder, "shop")


def test_a_house_within_its_limits_breaks_none(tmp_path: Path) -> None:
    assert limits.broken(house(tmp_path, area=PLAIN, __init__='"""The shop."""\n'), BOUNDS) == []


def test_a_module_with_too_many_lines_is_named(tmp_path: Path) -> None:
    (line,) = limits.broken(house(tmp_path, area=PLAIN + "x = 1\n" * 16), BOUNDS)
    assert line == "shop/area.py: 21 lines, at most 20: split it where a second concept begins"


@pytest.mark.parametrize("head", ["def long():", "async def long():", "class Shop:\n  def long(self):"])
def test_a_function_with_too_many_lines_is_named_with_its_line(tmp_path: Path, head: str) -> None:
    text = f"{head}\n" + "    print()\n" * 5
    (line,) = limits.broken(house(tmp_path, area=text), BOUNDS)
    at = head.count("\n") + 1
    assert line == f"shop/area.py:{at}: long: 6 lines, at most 5: split it where a second concept begins"


def test_too_many_small_modules_are_counted_and_the_smallest_named(tmp_path: Path) -> None:
    modules = house(tmp_path, area=PLAIN, size="SIZE = 1\n", shape="A = 1\nB = 2\n", __init__="")
    (line,) = limits.broken(modules, BOUNDS)
    assert "2 modules under 3 lines, at most 1" in line
    assert line.endswith("shop/size.py (1), shop/shape.py (2)")


@pytest.mark.parametrize(
    "use",
    [
        "one = 1",
        "def f(one):\n    pass",
        "def _one():\n    pass",
        "for one in ():\n    pass",
        "class one:\n    pass",
        "try:\n    x()\nexcept ValueError as one:\n    pass",
    ],
)
def test_a_vague_name_is_counted_wherever_it_is_a_name(tmp_path: Path, use: str) -> None:
    (line,) = limits.broken(house(tmp_path, area=f"one = 1\none = one + one\n\n\n{use}\n"), BOUNDS)
    assert "3 things are named `one`, at most 2" in line
    assert line.endswith("shop/area.py (3)")


def test_words_in_texts_attributes_and_longer_names_are_no_uses(tmp_path: Path) -> None:
    text = '"""One by one."""\n\nprint("one", x.one, f(one=1))\none_more = someone = 1\n'
    assert limits.broken(house(tmp_path, area=text), BOUNDS) == []


def test_what_was_longer_before_may_stay_but_not_grow(tmp_path: Path) -> None:
    modules = house(tmp_path, area="def long():\n" + "    print()\n" * 6 + "x = 1\n" * 15)
    longer = {"shop/area.py": 22, "shop/area.py:long": 7}
    bounds = Limits(**{name: getattr(BOUNDS, name) for name in BOUNDS.__slots__} | {"longer": longer})
    assert limits.broken(modules, bounds) == []
    lower = Limits(
        **{name: getattr(bounds, name) for name in BOUNDS.__slots__} | {"longer": longer | {"shop/area.py": 21}}
    )
    assert [line.partition(",")[0] for line in limits.broken(modules, lower)] == ["shop/area.py: 22 lines"]


def test_tightening_lowers_what_can_be_lower_and_raises_nothing(tmp_path: Path) -> None:
    text = (
        "[limits]\nmodule_lines_max = 20\nfunction_lines_max = 5\nsmall_module_lines = 3\n"
        "small_modules_max = 90 # aim\n"
        '[longer]\n"shop/area.py" = 90\n"shop/area.py:area" = 9\n"shop/gone.py" = 30\n[names]\none = 7\ntold = 0\n'
    )
    (tmp_path / "limits.toml").write_text(text)
    modules = house(tmp_path, area=PLAIN + "one = told = 1\n" * 20)
    tight = limits.tightened(text, modules, limits.load(tmp_path / "limits.toml"))
    assert tomllib.loads(tight) == {
        "limits": {"module_lines_max": 20, "function_lines_max": 5, "small_module_lines": 3, "small_modules_max": 40},
        "longer": {"shop/area.py": 25},
        "names": {"one": 7, "told": 0},
    }


def test_the_limits_of_this_house_are_of_the_aims_and_of_nothing_that_is_gone() -> None:
    held = limits.load(LIMITS)
    assert (held.module_lines_max, held.function_lines_max, held.small_module_lines) == (350, 60, 30)
    assert [key for key in held.longer if not (ROOT / key.partition(":")[0]).is_file()] == []


def test_the_command_prints_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out
    assert re.search(r"^lines of a function +median \d+, 90th percentile \d+$", printed, re.MULTILINE)
    assert re.search(r"^largest module +\d+ lines: handrail/[\w/]+\.py$", printed, re.MULTILINE)


def test_imports_are_counted_between_rooms_and_not_within_them() -> None:
    imported = {
        "handrail.desk.board": ["handrail.schemas.events", "handrail.desk.show", "handrail.private"],
        "handrail.desk.show": ["handrail.streams.engine.order", "handrail.streams.wait", "handrail.schemas.events"],
        "handrail.documents": ["handrail.desk.show"],
        "handrail.schemas.events": [], "handrail.private": [], "handrail.streams.wait": [],
        "handrail.streams.engine.order": [],
    }  # fmt: skip
    assert rooms.between(imported) == {
        ("desk", "schemas"): 2, ("desk", "plain"): 1, ("desk", "engine"): 1, ("desk", "streams"): 1, ("cli", "desk"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("module", ["handrail.cellar.wine", "handrail.streams.cellar.wine"])
def test_a_room_without_a_place_is_refused_by_name(module: str) -> None:
    with pytest.raises(ValueError, match=r"infra/house/rooms\.py: ROOMS: cellar has no place in the picture"):
        rooms.between({module: []})


def test_the_pure_rooms_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["name"].startswith("the pure rooms"))
    named = {module.rpartition(".")[2] for module in contract["source_modules"]}
    assert {room.name for room in rooms.ROOMS if room.kind == "pure"} == named - {"ledger"}  # an empty room


def test_every_import_between_rooms_is_in_the_picture_once_and_can_be_read() -> None:
    arrows = rooms.arrows("handrail")
    root = ElementTree.fromstring(picture.svg(arrows))
    counts = [int(text.text or "") for text in root.iter(f"{SVG}text") if text.get("class") == "count"]
    far = [text.text or "" for text in root.iter(f"{SVG}text") if text.get("class") == "far"]
    assert sum(counts) + sum(map(int, re.findall("\u00a0(\\d+)", " ".join(far)))) == sum(arrows.values())
    assert [size for size in map(float, re.findall(r"font-size:([\d.]+)px", picture.STYLE)) if size < 11] == []


def test_the_text_of_a_room_stays_in_its_box() -> None:
    root = ElementTree.fromstring(picture.svg(rooms.arrows("handrail")))
    bottom = 0.0
    for shape in root:
        if (shape.get("class") or "").startswith("room") and shape.get("height") != "12":
            bottom = float(shape.attrib["y"]) + float(shape.attrib["height"])
        elif shape.tag == f"{SVG}text" and shape.get("class") in (None, "far", "name") and bottom:
            assert float(shape.attrib["y"]) < bottom - 2, (
                f"{shape.text}: give its row more room in HEIGHTS and TOPS of infra/house/picture.py"
            )


def test_the_same_imports_give_the_same_bytes() -> None:
    arrows = rooms.arrows("handrail")
    assert picture.svg(arrows) == picture.svg(rooms.Arrows(dict(reversed(arrows.items()))))
