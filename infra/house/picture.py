"""The house as an SVG: rooms as boxes in layers, an arrow with its count for each import between neighbours.

What a room imports from further away stands in its box, so that every import between rooms is in the picture once. The
same imports give the same bytes. Colours follow the reader's light or dark scheme.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from infra.house.rooms import IN_STREAMS, ROOMS, Arrows, Room

WIDTH, HEIGHT, LEGEND = 1090, 1094, 1048
COLUMNS = {0: 1, 1: 7, 2: 7, 3: 3, 4: 3, 5: 3, 6: 1}
TOPS = {0: 16, 1: 142, 2: 324, 3: 534, 4: 696, 5: 860, 6: 978}
HEIGHTS = {0: 78, 1: 120, 2: 120, 3: 106, 4: 92, 5: 70, 6: 54}
CHARACTER_PX, SMALL_CHARACTER_PX = 6.6, 6.0  # at most, on average, in the fonts that readers have
STREAMS_TOP, STREAMS_END = 494, 804
IN_LAYERS = {*IN_STREAMS, "streams"}
STYLE = """\
:root{--page:#fff;--ink:#1a1a1a;--soft:#4a4f57;--line:#5b6470;--band:#f4f6f8;--edge:#c4cad1;
--server:#dcebfb;--server-edge:#1f5f9e;--agent:#fff1cc;--agent-edge:#a87400;--pure:#dcf2e2;--pure-edge:#2c7a46}
@media(prefers-color-scheme:dark){:root{--page:#0d1117;--ink:#eef1f4;--soft:#b4bcc6;--line:#98a2ad;--band:#161b22;--edge:#3d444d;
--server:#142d4a;--server-edge:#5b9bd9;--agent:#3a2c0a;--agent-edge:#d1a03a;--pure:#12331f;--pure-edge:#5cb87e}}
.page{fill:var(--page)}.band{fill:var(--band);stroke:var(--edge)}rect.room{stroke-width:1.5}
.server{fill:var(--server);stroke:var(--server-edge)}.agent{fill:var(--agent);stroke:var(--agent-edge)}
.pure{fill:var(--pure);stroke:var(--pure-edge)}text{fill:var(--ink);font-size:12px}.name{font-weight:650;font-size:14.5px}
.far,.caption{fill:var(--soft);font-size:11px}.arrow{fill:none;stroke:var(--line);stroke-width:1.4;marker-end:url(#head)}
.head{fill:var(--line)}.count{font-size:11.5px;font-weight:600;text-anchor:middle;stroke:var(--page);stroke-width:4px;
paint-order:stroke}.inside .count{stroke:var(--band)}"""


@dataclass(frozen=True, slots=True)
class Box:
    """A room's place on the page, in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


def svg(arrows: Arrows) -> str:
    """The picture of these imports."""
    drawn = {pair: count for pair, count in sorted(arrows.items()) if _are_neighbours(*map(_room, pair))}
    into = _into_streams(arrows)
    within = [pair for pair in drawn if set(pair) <= IN_LAYERS]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" role="img" aria-labelledby="title">',
        '<title id="title">The rooms of Handrail in layers, and how many imports lead from one to another</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>',
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<rect class="band" x="16" y="{STREAMS_TOP}" width="{WIDTH - 32}" '
        f'height="{STREAMS_END - STREAMS_TOP}" rx="10"/>',
        f'<text x="30" y="{STREAMS_TOP + 24}"><tspan class="name">streams</tspan>'
        '<tspan dx="8">the processes around the log, and the pure functions that they run</tspan></text>',
        *(line for room in ROOMS for line in _room_drawn(room, arrows, {*drawn})),
        *(_count_drawn(*_arrow(_room(a), _room(b)), drawn[a, b]) for a, b in drawn if (a, b) not in within),
        *(_count_drawn(*_down(_room(name)), count) for name, count in into.items()),
        '<g class="inside">',
        *(_count_drawn(*_arrow(_room(a), _room(b)), drawn[a, b]) for a, b in within),
        "</g>",
        *_legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _room(name: str) -> Room:
    return next(room for room in ROOMS if room.name == name)


def _box(room: Room) -> Box:
    columns, y, height = COLUMNS[room.row], TOPS[room.row], HEIGHTS[room.row]
    if columns == 1:
        return Box(16, y, WIDTH - 32, height)
    left, gap, width = (16, 34, 122) if columns == 7 else (34, 62, 299)
    return Box(left + room.column * (width + gap), y, width, height)


def _are_neighbours(a: Room, b: Room) -> bool:
    """Side by side, or one row apart and at most one column; the processes stand in a band of their own."""
    if a.row == b.row:
        return abs(a.column - b.column) == 1
    if b.row != a.row + 1 or (a.row == 2 and b.row == 3):
        return False
    return 1 in (COLUMNS[a.row], COLUMNS[b.row]) or abs(a.column - b.column) <= 1


def _into_streams(arrows: Arrows) -> dict[str, int]:
    """How often each of the rooms above imports the processes' rooms, all together."""
    names = [room.name for room in ROOMS if room.row in (1, 2)]
    sums = {name: sum(n for (a, b), n in arrows.items() if a == name and b in IN_LAYERS) for name in names}
    return {name: count for name, count in sums.items() if count}


def _far(room: Room, arrows: Arrows, drawn: set[tuple[str, str]]) -> list[str]:
    """What the room imports without an arrow, the most imported first."""
    rest = [
        (-count, other)
        for (name, other), count in arrows.items()
        if name == room.name and (name, other) not in drawn and not (room.row in (1, 2) and other in IN_LAYERS)
    ]
    return [f"{other}\u00a0{-count}" for count, other in sorted(rest)]


def _room_drawn(room: Room, arrows: Arrows, drawn: set[tuple[str, str]]) -> Iterator[str]:
    box = _box(room)
    room_px = box.width - 12
    size = f'width="{box.width:g}" height="{box.height:g}"'
    yield f'<rect class="room {room.kind}" x="{box.x:g}" y="{box.y:g}" {size} rx="8"/>'
    yield f'<text class="name" x="{box.x + 9:g}" y="{box.y + 21:g}">{escape(room.name)}</text>'
    y = box.y + 38
    for line in wrap(room.purpose, int(room_px / CHARACTER_PX)):
        yield f'<text x="{box.x + 9:g}" y="{y:g}">{escape(line)}</text>'
        y += 15
    if far := _far(room, arrows, drawn):
        for line in wrap(", ".join(far), int(room_px / SMALL_CHARACTER_PX), initial_indent="+ "):
            yield f'<text class="far" x="{box.x + 9:g}" y="{y + 2:g}">{escape(line)}</text>'
            y += 14


def _arrow(a: Room, b: Room) -> tuple[str, float, float]:
    """(path, and the middle of its count): down, slanted, or to the side."""
    start, end = _box(a), _box(b)
    if a.row == b.row:
        y = start.y + 30
        x, to = (start.x + start.width, end.x) if a.column < b.column else (start.x, end.x + end.width)
        return f"M{x:g} {y:g}H{to:g}", (x + to) / 2, y - 5
    step = 0 if 1 in (COLUMNS[a.row], COLUMNS[b.row]) else b.column - a.column
    narrow = start if COLUMNS[b.row] == 1 else end
    x = start.middle + step * start.width * 0.3 if COLUMNS[a.row] > 1 else narrow.middle
    to = end.middle - step * end.width * 0.3 if COLUMNS[b.row] > 1 else narrow.middle
    share = 0.33 if step else 0.45
    y = start.bottom + (end.y - start.bottom) * share + 4
    return f"M{x:g} {start.bottom:g}L{to:g} {end.y:g}", x + (to - x) * share, y


def _down(room: Room) -> tuple[str, float, float]:
    """From a room above down to the processes: straight, or through the gap to the right of the second row."""
    box = _box(room)
    if room.row == 2:
        return f"M{box.middle:g} {box.bottom:g}V{STREAMS_TOP}", box.middle, STREAMS_TOP - 22
    x, y = box.x + box.width + 10, box.y + 70
    return f"M{box.x + box.width:g} {y:g}H{x - 5:g}q5 0 5 5V{STREAMS_TOP}", x, STREAMS_TOP - 22


def _count_drawn(path: str, x: float, y: float, count: int) -> str:
    return f'<path class="arrow" d="{path}"/><text class="count" x="{x:g}" y="{y:g}">{count}</text>'


def _legend() -> Iterator[str]:
    kinds = (
        (16, "server", "server install"),
        (136, "agent", "base install: all that an agent needs"),
        (384, "pure", "pure: no broker, database, clock or log"),
    )
    for x, kind, meaning in kinds:
        yield f'<rect class="room {kind}" x="{x}" y="{LEGEND}" width="12" height="12" rx="3"/>'
        yield f'<text class="caption" x="{x + 18}" y="{LEGEND + 10}">{meaning}</text>'
    yield (
        f'<text class="caption" x="16" y="{LEGEND + 30}">The numbers count imports, from module to module. '
        "+ schemas 5: as an arrow, to a room further away. "
        "An arrow to the frame of streams counts all rooms in it.</text>"
    )
