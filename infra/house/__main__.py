"""The figures of the house, its limits, and its picture.

python -m infra.house                                    # prints the figures
python -m infra.house --check                            # ends with 1 where a limit is broken or the picture is old
python -m infra.house --tighten                          # lowers the limits to what is there
python -m infra.house --picture docs/images/house.svg    # draws the rooms and their imports
"""

import argparse
import sys
from pathlib import Path

from infra.house import figures, limits, picture, rooms

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "handrail"
LIMITS = Path(__file__).with_name("limits.toml")
PICTURE = ROOT / "docs" / "images" / "house.svg"


def check(modules: list[figures.Module], held: limits.Limits) -> list[str]:
    """A line for all that is not as it should be."""
    wrong = limits.broken(modules, held)
    if not PICTURE.is_file() or PICTURE.read_text() != picture.svg(rooms.arrows(PACKAGE)):
        wrong.append(f"{PICTURE.relative_to(ROOT)}: not what the imports are: run `make docs`")
    return wrong


def main(arguments: list[str] | None = None) -> None:
    """What the options ask for; without any, the figures."""
    parser = argparse.ArgumentParser(prog="python -m infra.house", description=(__doc__ or "").partition("\n")[0])
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--check", action="store_true", help="end with 1 where a limit is broken or the picture is old")
    asked.add_argument("--tighten", action="store_true", help="lower the limits to what is there")
    asked.add_argument("--picture", type=Path, metavar="FILE", help="draw the rooms and their imports")
    options = parser.parse_args(arguments)
    if options.picture:
        options.picture.write_text(picture.svg(rooms.arrows(PACKAGE)))
        return
    modules, held = figures.read(ROOT, PACKAGE), limits.load(LIMITS)
    if options.tighten:
        LIMITS.write_text(limits.tightened(LIMITS.read_text(), modules, held))
        return
    if not options.check:
        print(figures.table(modules, held.small_module_lines, list(held.names)))
    elif wrong := check(modules, held):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
