"""What is taken out of a record, by the path at which it stood: values by their shape, fields by their name."""

from collections.abc import Collection, Iterable
from typing import Any

from handrail.streams.governor.redaction import cards, phones
from handrail.streams.governor.redaction.names import NAMED, REDACTED, is_secret
from handrail.streams.governor.redaction.text import redact_text
from handrail.streams.governor.redaction.view import view

TEXT_MIN = 6  # characters: nothing shorter is found
CARD_MIN = 10 ** (cards.DIGITS_MIN - 1)
DEPTH_MAX = 64  # as the contract has it; what lies deeper is not shown
PATHS_MAX = 500  # named in one record; of the others only how many there are
PATH_MAX = 300  # characters
NUMBER_MAX = 60  # of a phone number as it is written


class Redactions:
    """Collects paths while texts and values are shown; `kinds` has them in the order in which they were found."""

    def __init__(self) -> None:
        self.kinds: dict[str, set[str]] = {}
        self.more = 0  # that many beyond PATHS_MAX
        self._count = 0  # of all that was taken out

    def add(self, path: str, kinds: Iterable[str]) -> None:
        """These kinds were taken out there."""
        self._count += 1
        path = path[:PATH_MAX]
        if path not in self.kinds and len(self.kinds) >= PATHS_MAX:
            self.more += 1
            return
        self.kinds.setdefault(path, set()).update(kinds)

    def text(self, text: str, path: str) -> str:
        """The text as it may be shown."""
        if len(text) < TEXT_MIN:
            return text
        shown, kinds = redact_text(text)
        if kinds:
            self.add(path, kinds)
        return shown

    def value(self, value: Any, path: str, keep: Collection[str] = (), name: str = "", depth: int = 0) -> Any:
        """The JSON value as it may be shown, itself where nothing was taken out. Fields at paths in `keep` stay."""
        if isinstance(value, str):
            return self._named_text(value, path, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._number(value, path, name)
        if not isinstance(value, dict | list):
            return value
        if depth >= DEPTH_MAX:
            self.add(path, [NAMED])
            return REDACTED
        before = self._count
        shown = self._fields(value, path, keep, depth) if isinstance(value, dict) else self._items(value, path, depth)
        return shown if self._count > before else value

    def under(self, path: str) -> set[str]:
        """The kinds of what was taken out there, and in what lies in it."""
        return {
            kind
            for at, kinds in self.kinds.items()
            if at == path or at.startswith((f"{path}.", f"{path}["))
            for kind in kinds
        }

    def rows(self) -> list[dict[str, Any]]:
        """`{path, kinds}` for each path, by path."""
        return [{"path": path, "kinds": sorted(kinds)} for path, kinds in sorted(self.kinds.items())]

    def _fields(self, value: dict[str, Any], path: str, keep: Collection[str], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, inner in value.items():
            label = self._free(name, path, shown)
            at = f"{path}.{label}" if path else label
            if at in keep:
                shown[label] = inner
            elif inner is not None and inner != REDACTED and is_secret(name):
                self.add(at, [NAMED])
                shown[label] = REDACTED
            else:
                shown[label] = self.value(inner, at, keep, name, depth + 1)
        return shown

    def _free(self, name: str, path: str, taken: Collection[str]) -> str:
        """The name as it may be shown; where two are alike then, the later one has a number."""
        label = self.text(name, path)
        return f"{label}#{len(taken)}" if label in taken else label

    def _items(self, value: list[Any], path: str, depth: int) -> list[Any]:
        if (number := _in_pieces(value)) is not None:
            self.add(path, [cards.KIND])
            return [cards.mark(number)]
        return [self.value(inner, f"{path}[{at}]", (), "", depth + 1) for at, inner in enumerate(value)]

    def _named_text(self, text: str, path: str, name: str) -> str:
        if name and phones.is_name(name) and _is_phone(text):
            self.add(path, [phones.KIND])
            return phones.MARK
        return self.text(text, path)

    def _number(self, number: int, path: str, name: str) -> int | str:
        if number >= CARD_MIN and cards.is_card(str(number)):
            self.add(path, [cards.KIND])
            return cards.mark(str(number))
        if name and phones.is_name(name) and phones.is_number(str(number).encode()):
            self.add(path, [phones.KIND])
            return phones.MARK
        return number


def _in_pieces(value: list[Any]) -> str | None:
    """The card whose groups of digits are the items of a list."""
    if not 2 <= len(value) <= cards.DIGITS_MAX or not all(isinstance(item, str) and item.isdecimal() for item in value):
        return None
    number = "".join(value)
    return number if number.isascii() and cards.is_card(number) else None


def _is_phone(text: str) -> bool:
    """Under such a name: digits and signs, no letters."""
    ascii_text = view(text[:NUMBER_MAX])
    return (
        len(text) <= NUMBER_MAX and phones.is_number(ascii_text) and not any(chr(code).isalpha() for code in ascii_text)
    )
