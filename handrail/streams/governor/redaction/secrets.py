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


def find(text: bytes) -> Iterator[Span]:
    """Every secret in a view: whole keys first, then tokens, then what a word before it calls secret."""
    for match in _PRIVATE.finditer(text):
        yield _span(match, "private_key", PRIVATE_MARK)
    for match in _TOKEN.finditer(text):
        if not inside_a_word(text, *match.span()):
            yield _span(match, "token", TOKEN_MARK)
    for match in _BEARER.finditer(text):
        yield _span(match, "token", TOKEN_MARK, 1)
    for match in _IN_URL.finditer(text):
        yield _span(match, "password", PASSWORD_MARK, 1)
    for match in _QUOTED.finditer(text):
        group = 2 if match[2] else 3
        if is_secret(match[1].decode()) and not match[group].startswith(_MARKED):
            yield _span(match, NAMED, REDACTED, group)
    yield from _passwords(text)


def _span(match: re2._Match, kind: str, mark: str, group: int = 0) -> Span:
    start, end = match.span(group)
    return Span(start, end, kind, mark)


def _passwords(text: bytes) -> Iterator[Span]:
    for match in _ASSIGNED.finditer(text):
        line_ends = text[match.end() : match.end() + 1] in _LINE_ENDS
        yield from _password(text, *match.span(2), any_word=line_ends or match[1] != b": ")
    for match in _SAID.finditer(text):
        yield from _password(text, *match.span(1), any_word=False)


def _password(text: bytes, start: int, end: int, *, any_word: bool) -> Iterator[Span]:
    """`password=swordfish` says it; after `password is`, or amid a line after `password: `, a word may be just that."""
    if text[start:end].startswith(_MARKED):
        return
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    value = text[start:end]
    if len(value) < VALUE_MIN:
        return
    if any_word or any(code in _NO_LETTERS for code in value):
        yield Span(start, end, "password", PASSWORD_MARK)
