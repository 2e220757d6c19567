"""Secrets: keys and tokens by the shapes that those who give them out document, and what is said to be a password."""

from collections.abc import Iterator

import re2

from handrail.streams.governor.redaction.names import NAMED, REDACTED, is_secret, pattern
from handrail.streams.governor.redaction.span import Span, inside_a_word
from handrail.streams.governor.redaction.view import compiled

# Prefixes and lengths as AWS, GitHub, GitLab, Slack, Stripe, OpenAI, Anthropic, Google, npm, Hugging Face, SendGrid and
# PyPI document them; JSON Web Tokens as in RFC 7519, whose header is base64 of `{"`.
TOKEN = "|".join(
    (
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        r"gh[opsur]_[A-Za-z0-9]{30,255}",
        r"github_pat_[A-Za-z0-9_]{22,255}",
        r"glpat-[A-Za-z0-9_-]{20,}",
        r"xox[abcdeoprs]-[A-Za-z0-9-]{10,}",
        r"xapp-[A-Za-z0-9-]{10,}",
        r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
        r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}",
        r"whsec_[A-Za-z0-9+/=]{16,}",
        r"sk-[A-Za-z0-9_-]{20,}",
        r"AIza[A-Za-z0-9_-]{35}",
        r"npm_[A-Za-z0-9]{36}",
        r"hf_[A-Za-z0-9]{30,}",
        r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"pypi-[A-Za-z0-9_-]{40,}",
        r"eyJ[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*){0,4}",
    )
)
PRIVATE = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"
_PRIVATE = compiled(rf"(?s){PRIVATE}.*?(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----|\z)")
_TOKEN = compiled(TOKEN)
BEARER = r"(?i)\bBearer +[A-Za-z0-9._~+/-]{16,}=*"
_BEARER = compiled(r"(?i)\bBearer +([A-Za-z0-9._~+/-]{16,}=*)")
IN_URL = r"[a-z][a-z0-9+.-]*://[^\s/:@\"']*:[^\s/@\"']+@"
_IN_URL = compiled(r"[a-z][a-z0-9+.-]*://[^\s/:@\"']*:([^\s/@\"']+)@")

_PASSWORDS = (
    r"[a-z0-9]*pass ?words?|[a-z0-9]*passwd|passcode|pass ?phrase|pwd|contrasena|kennwort|passwort|mot de passe"
)
_KEYS = r"(?:api|secret|access|private|encryption)[_ -]?(?:access[_ -]?)?key|(?:client[_ -]?)?secret"
_CODES = r"pin(?:[_ -]code)?|cvv2?|cvc|(?:security|verification|one.time) (?:code|pin)"
_WORDS = rf"{_PASSWORDS}|{_KEYS}|{_CODES}|(?:(?:access|auth|refresh|session|bearer)[_ -])?token"
_VALUE = r"[^\s\"'\\,;&<>]"
_SAYS = rf"(?:\b|_)(?:{_WORDS})"
ASSIGNED = rf"(?i){_SAYS}[\"'\\]*\s?[=:]\s?[\"'\\]*{_VALUE}"
_ASSIGNED = compiled(rf"(?i){_SAYS}[\"'\\]*\s?([=:]\s?)[\"'\\]*({_VALUE}+)")
SAID = rf"(?i){_SAYS}\s+(?:is|was|ist|es)\s?:?\s*[\"']?{_VALUE}"
_SAID = compiled(rf"(?i){_SAYS}\s+(?:is|was|ist|es)\s?:?\s*[\"']?({_VALUE}+)")
_NAMES = pattern()
QUOTED = rf"(?i)\"(?:{_NAMES})\\?\"\s?:\s?(?:\\?\"[^\"]|[0-9])"
_QUOTED = compiled(rf"(?i)\"({_NAMES})\\?\"\s?:\s?(?:\\?\"((?:[^\"\\]|\\[^\"])+)|([0-9]+))")
CANDIDATES = (TOKEN, PRIVATE, BEARER, IN_URL, QUOTED, ASSIGNED, SAID)
VALUE_MIN = 3
_NO_LETTERS = b"0123456789!@#$%^&*+~"
_LINE_ENDS = (b"", b"\n", b"\r")
_TRAILING = b".!?)]}"
_MARKED = (b"[card", b"[iban", b"[email]", b"[phone]", b"[token]", b"[private", b"[password]", b"[redacted]")
TOKEN_MARK, PRIVATE_MARK, PASSWORD_MARK = "[token]", "[private key]", "[password]"


def find(seen: bytes) -> Iterator[Span]:
    """Every secret in a view: whole keys first, then tokens, then what a word before it calls secret."""
    for found in _PRIVATE.finditer(seen):
        yield _span(found, "private_key", PRIVATE_MARK)
    for found in _TOKEN.finditer(seen):
        if not inside_a_word(seen, *found.span()):
            yield _span(found, "token", TOKEN_MARK)
    for found in _BEARER.finditer(seen):
        yield _span(found, "token", TOKEN_MARK, 1)
    for found in _IN_URL.finditer(seen):
        yield _span(found, "password", PASSWORD_MARK, 1)
    for found in _QUOTED.finditer(seen):
        group = 2 if found[2] else 3
        if is_secret(found[1].decode()) and not found[group].startswith(_MARKED):
            yield _span(found, NAMED, REDACTED, group)
    yield from _passwords(seen)


def _span(found: re2._Match, kind: str, mark: str, group: int = 0) -> Span:
    start, end = found.span(group)
    return Span(start, end, kind, mark)


def _passwords(seen: bytes) -> Iterator[Span]:
    for found in _ASSIGNED.finditer(seen):
        line_ends = seen[found.end() : found.end() + 1] in _LINE_ENDS
        yield from _password(seen, *found.span(2), any_word=line_ends or found[1] != b": ")
    for found in _SAID.finditer(seen):
        yield from _password(seen, *found.span(1), any_word=False)


def _password(seen: bytes, start: int, end: int, *, any_word: bool) -> Iterator[Span]:
    """`password=swordfish` says it; after `password is`, or amid a line after `password: `, a word may be just that."""
    if seen[start:end].startswith(_MARKED):
        return
    while end > start and seen[end - 1] in _TRAILING:
        end -= 1
    value = seen[start:end]
    if len(value) < VALUE_MIN:
        return
    if any_word or any(one in _NO_LETTERS for one in value):
        yield Span(start, end, "password", PASSWORD_MARK)
