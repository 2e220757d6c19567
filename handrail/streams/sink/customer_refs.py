"""Customers that unreadable bytes name, however their JSON was spaced, escaped, cut off or written."""

import re
from unicodedata import normalize

ROUNDS_MAX = 4  # JSON in a text of JSON, and so on
STANDS_ALONE_MIN = 6  # characters of a ref that is known anywhere; a shorter one only in its own field

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'/\\bfnrt]))")
_CONTROLS = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": " "}
_FIELD = r"[\"'\s]*[:=]\s*(?:\"([^\"\n]{1,300})|'([^'\n]{1,300})|([^\"'\s,;&}\])]{1,300}))"
_REF = re.compile(rf"(?i)(?<![a-z])(?:customer[ _.-]?)?ref{_FIELD}")
_TENANT = re.compile(rf"(?i)(?<![a-z])tenant{_FIELD}")


def refs_in(value: bytes) -> set[str]:
    """The values of fields called `ref`, as written, and in NFKC form."""
    refs = _values(_REF, text_of(value))
    return refs | {normalize("NFKC", ref) for ref in refs}


def names(value: bytes, ref: str, tenant: str | None, default: str) -> bool:
    """Whether the bytes name this customer: of this tenant, or of any (None); without a tenant they are `default`'s."""
    text = text_of(value)
    if tenant is not None and tenant not in (_values(_TENANT, text) or {default}):
        return False
    wanted = folded(ref)
    if wanted in {folded(field) for field in _values(_REF, text)}:
        return True
    alone = rf"(?<![\w-]){re.escape(wanted)}(?![\w-])"
    return len(wanted) >= STANDS_ALONE_MIN and re.search(alone, folded(text)) is not None


def text_of(value: bytes) -> str:
    """The bytes as text, with what was escaped in it."""
    text = value.decode(errors="replace").replace("\x00", "")  # UTF-16 too, as far as it is ASCII
    for _ in range(ROUNDS_MAX):
        plain = _ESCAPE.sub(_meant, text)
        if plain == text:
            break
        text = plain
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def folded(text: str) -> str:
    """The form in which names are compared: of one width and case, with single spaces."""
    return " ".join(normalize("NFKC", text).casefold().split())


def _meant(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else _CONTROLS.get(escape[3], escape[3])


def _values(pattern: re.Pattern[str], text: str) -> set[str]:
    return {next(filter(None, match.groups()), "").strip() for match in pattern.finditer(text)} - {""}
