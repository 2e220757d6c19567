"""Messages of rules: text with `{{field}}` in it, filled from the lookup that the conditions use."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from handrail.policies.lookup import Place, reader
from handrail.policies.names import MISSING, Unreadable, path_parts
from handrail.policies.subject import Subject

VALUE_CHARACTERS_MAX = 200

_FIELD = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Template:
    """A message: texts with one field between each two of them."""

    texts: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]

    def bind(self, find: Callable[[tuple[str, ...]], Place]) -> Callable[[Subject], str]:
        """The message of a subject; `find` says where the path of a field lies."""
        if not self.fields:
            only = self.texts[0]
            return lambda _: only
        first, *others = self.texts
        pairs = tuple((reader(find(field)), after) for field, after in zip(self.fields, others, strict=True))

        def message(subject: Subject) -> str:
            return first + "".join([words(get(subject)) + after for get, after in pairs])

        return message


def parse(text: str) -> Template:
    """Raises ValueError with what is wrong with the template and what to write instead."""
    pieces = _FIELD.split(text)
    texts, names = pieces[::2], [piece.strip() for piece in pieces[1::2]]
    for plain in texts:
        if "{{" in plain or "}}" in plain:
            raise ValueError("has {{ or }} without its partner: write {{field}}")
    fields = [path_parts(name) for name in names]
    for name, field in zip(names, fields, strict=True):
        if field is None:
            raise ValueError(f"{{{{{name}}}}} names no field: write {{{{field}}}} or {{{{arguments.field}}}}")
    return Template(tuple(texts), tuple(field for field in fields if field is not None))


def words(value: Any) -> str:
    """A value as people read it, at most 200 characters."""
    kind = type(value)
    if kind is int:
        return str(value)
    if value is MISSING:
        return "(missing)"
    if kind is Unreadable:
        return "(cannot be read)"
    text = value if kind is str else str(value) if kind is Decimal else _json(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
