"""Bodies, headers and paths of webhooks from records: `{{/data/handoff_id}}` is what stands there. Pure.

Places are JSON pointers (RFC 6901). A template is filled as a value, not as text: what a customer wrote can end up
inside a string, and nowhere else.
"""

import re
from typing import Any
from urllib.parse import quote

import orjson

DEPTH_MAX = 64
_INDEX = re.compile(r"0|[1-9]\d{0,8}").fullmatch
_WRONG_ESCAPE = re.compile(r"~(?![01])").search
_SLOT = re.compile(r"\{\{\s*(/[^{}]*?)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HEADER_MAX = 4_000  # characters of a header's value
SEGMENT_MAX = 512  # characters of a value in a path, before it is encoded


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""What a pointer finds where nothing stands."""


def checked(pointer: str) -> str:
    """The pointer. Raises ValueError where it is none, saying what to write."""
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"not a JSON pointer: {pointer!r}: write it as /data/handoff_id")
    if _WRONG_ESCAPE(pointer):
        raise ValueError(f"not a JSON pointer: {pointer!r}: write ~ as ~0 and / inside a name as ~1")
    if pointer.count("/") > DEPTH_MAX:
        raise ValueError(f"not a JSON pointer of at most {DEPTH_MAX} steps: {pointer[:60]!r}")
    return pointer


def find(value: Any, pointer: str) -> Any:
    """What stands there in a JSON value; MISSING where nothing does. `-1` is the last item of a list."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and value and name == "-1":
            value = value[-1]
        elif isinstance(value, list) and _INDEX(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def check(template: Any) -> None:
    """Raises ValueError where a slot is no JSON pointer, or braces stand alone."""
    if isinstance(template, str):
        for pointer in _SLOT.findall(template):
            checked(pointer)
        if "{{" in _SLOT.sub("", template):
            raise ValueError(f"not a template: {template!r}: write {{{{/data/handoff_id}}}}")
    elif isinstance(template, dict | list):
        for part in template.values() if isinstance(template, dict) else template:
            check(part)


def has_slots(text: str) -> bool:
    """Whether it depends on the record."""
    return _SLOT.search(text) is not None


def filled(template: Any, record: Any) -> Any:
    """The template as a JSON value.

    A string that is one slot becomes what stands there, null where nothing does; inside of a longer string it becomes
    text: words as they are, nothing for null, all else as JSON.
    """
    if isinstance(template, dict):
        return {name: filled(part, record) for name, part in template.items()}
    if isinstance(template, list):
        return [filled(part, record) for part in template]
    if not isinstance(template, str):
        return template
    if (slot := _SLOT.fullmatch(template)) is not None:
        value = find(record, slot[1])
        return None if value is MISSING else value
    return _SLOT.sub(lambda slot: text_of(find(record, slot[1])), template)


def header(template: str, record: Any) -> str:
    """The template as a header's value: one line, printable, at most HEADER_MAX characters."""
    text = _CONTROL.sub(" ", _SLOT.sub(lambda slot: text_of(find(record, slot[1])), template))
    return text[:HEADER_MAX].encode("ascii", "backslashreplace").decode()


def url(template: str, record: Any) -> str:
    """The template as a URL whose path or query is filled: each value is one segment, percent-encoded.

    Raises ValueError where a value is missing, too long, or would lead elsewhere (`..`).
    """
    return _SLOT.sub(lambda slot: _segment(text_of(find(record, slot[1]))), template)


def text_of(value: Any) -> str:
    """A JSON value inside of a string."""
    if value is MISSING or value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _segment(text: str) -> str:
    if len(text) > SEGMENT_MAX or not all(part.strip(".") for part in text.split("/")):
        raise ValueError(f"url: {text[:40]!r} cannot stand in a path")
    return quote(text, safe="")
