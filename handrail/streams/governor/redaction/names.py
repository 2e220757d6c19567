"""Fields that are secret by their name, whatever stands in them and however the name is written.

`apiKey`, `X-API-KEY`, `api.key` and `apikey2` are the words `api key`. A name is secret for what it ends with, or for
one word in it; not where it only says something about the secret (`password_length`, `has_pin`). These are words that
error reporters and log collectors mask by default, and those of payments and of identity papers.
"""

import re
from functools import lru_cache

from handrail.streams.governor.redaction.view import view

NAMED, REDACTED = "named", "[redacted]"
NAME_MAX = 200  # characters of a name that are looked at, its last ones

WORDS = frozenset(
    {
        "password", "passwords", "passwd", "passwort", "kennwort", "pwd", "passphrase", "passcode", "secret", "secrets",
        "credential", "credentials", "authorization", "cookie", "cookies", "jwt", "cvv", "cvc", "cvn", "iban", "ssn",
        "otp", "totp", "aadhaar", "cpf", "mnemonic", "maiden", "apikey", "csrf", "xsrf", "phpsessid", "jsessionid",
    }
)  # fmt: skip
"""One of these anywhere in a name makes it secret."""

_KEYS = (
    "api", "access", "secret", "private", "encryption", "decryption", "signing", "auth", "authentication",
    "account", "client", "master", "ssh", "license", "shared", "session", "wallet", "recovery", "security",
    "service", "function", "webhook", "deploy", "app", "application", "consumer", "subscription", "storage",
    "admin", "root", "server", "hmac", "aes", "rsa", "pgp", "gpg", "host", "product", "activation", "bearer",
    "symmetric",
)  # fmt: skip
_CODES = (
    "security", "verification", "verify", "auth", "authorization", "authentication", "access", "backup", "recovery",
    "sms", "mfa", "tfa", "2fa", "factor", "time", "card", "pass", "pin", "unlock", "login", "puk",
)  # fmt: skip
_NUMBERS = (
    "account", "acct", "card", "cc", "routing", "aba", "passport", "ssn", "insurance", "tax", "id", "identity",
    "national", "license", "licence", "medicare", "nhs", "pin", "iban", "security", "personal", "social",
)  # fmt: skip
ENDINGS = frozenset(
    {
        "token", "pin", "puk", "bearer", "auth", "session", "dsn",
        *(f"{word} key" for word in _KEYS), *(f"{word} keys" for word in _KEYS), "access key id",
        *(f"{word} code" for word in _CODES), *(f"{word} codes" for word in _CODES),
        *(f"{word} {number}" for word in _NUMBERS for number in ("number", "numbers", "no", "num", "nr", "nbr")),
        *(f"{word} tokens" for word in ("access", "refresh", "auth", "api", "session", "bearer", "id", "csrf")),
        "card", "credit card", "debit card", "payment card", "bank card", "credit cards", "card pan", "pan",
        "bank account",
        "account iban", "sort code", "social security", "national insurance", "nino", "national id", "personal id",
        "identity card", "id card", "tax id", "identification number", "maiden name", "tin", "itin", "passport",
        "passport id",
        "driver license", "drivers license", "driver licence", "drivers licence", "driving license", "driving licence",
        "session id", "sess id", "connect sid", "security answer", "secret answer", "connection string", "auth header",
        "basic auth", "seed phrase", "recovery phrase", "private pem", "steuer id", "personnummer",
    }
)  # fmt: skip
"""A name that ends with one of these is secret; written as one word too, where it is long enough to be no other."""

ALONE = frozenset({"pan", "tin", "session", "auth", "card", "passport", "dsn", "id card", "identity card"})
"""Of these, those that are secret only as a whole name: `frying_pan`, `gift_card` and `db_session` are not."""

ABOUT = frozenset(
    {
        "count", "counts", "length", "len", "size", "max", "min", "limit", "limits", "type", "kind", "policy",
        "enabled",
        "disabled", "required", "present", "valid", "validity", "invalid", "verified", "expired", "expires", "expiry",
        "expiration", "at", "ttl", "created", "updated", "rotated", "status", "state", "hint", "strength", "reset",
        "changed",
        "change", "attempts", "attempt", "used", "usage", "remaining", "budget", "cost", "price", "version", "last4",
        "brand", "network", "country", "issuer", "consent", "banner", "name", "id", "ids", "amount", "date", "on",
        "set",
        "exists", "missing", "supported", "failed", "failures", "method", "format", "rules", "rule", "url", "uri",
        "days",
        "seconds", "s", "ms", "age", "manager", "provider", "owner", "holder", "algorithm", "alg", "santa", "shopper",
    }
)  # fmt: skip
"""A name that ends with one of these, after a secret, describes it."""

ASKS = frozenset(
    {
        "has", "have", "is", "was", "no", "num", "needs", "need", "requires", "require", "forgot", "show", "use",
    }
)  # fmt: skip
"""So does one that begins with one of these."""

WRAPPERS = frozenset(
    {"value", "values", "text", "raw", "plain", "plaintext", "string", "str", "data", "hash", "hashed", "encrypted",
    "input",
     "full", "field", "base64", "b64", "hex", "confirm", "confirmation", "again", "new", "old"}
)  # fmt: skip
"""These after a name change nothing."""

_NO_SECRET_TOKEN = frozenset(
    {
        "per", "next", "page", "continuation", "first", "last", "max", "min", "prompt", "completion", "input",
        "output", "cached",
        "reasoning", "total", "stop", "eos", "bos", "pad", "unk", "special", "start", "end", "mask", "sync",
        "pagination", "each",
    }
)  # fmt: skip
LONG_MIN = 6  # letters of an ending that is known without a gap before it: `useraccountnumber`, not `syntaxid`

_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_JOINED = {ending.replace(" ", ""): ending for ending in sorted(ENDINGS)}
_SIZES = sorted({len(ending) for ending in _JOINED}, reverse=True)


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether what stands under this name is never shown."""
    words = words_of(name)
    if not words or words[0] in ASKS:
        return False
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in WRAPPERS):
        if _ends_secret(words):
            return True
        words = words[:-1]
    return _ends_secret(words) or (words[-1] not in ABOUT and any(_is_word(word) for word in words))


@lru_cache(4096)
def words_of(name: str) -> list[str]:
    """The words of a name in small letters, however they are joined."""
    return [word.lower() for word in _PARTS.findall(view(name[-NAME_MAX:]).decode())]


def plain(name: str) -> str:
    """The name in the form in which names are compared."""
    return "_".join(words_of(name))


def _is_word(word: str) -> bool:
    """`userpassword` too: the longer ones are known at the end of a word."""
    return word in WORDS or any(
        word.endswith(ending) for ending in ("password", "passwd", "passphrase", "pwd", "apikey")
    )


def _ends_secret(words: list[str]) -> bool:
    joined, starts, at = "".join(words), {0}, 0
    for word in words:
        at += len(word)
        starts.add(at)
    for size in _SIZES:
        start = len(joined) - size
        if start < 0 or (ending := _JOINED.get(joined[start:])) is None:
            continue
        if (start in starts or size >= LONG_MIN) and _counts(words, ending, start):
            return True
    return (
        joined.endswith("token")
        and len(words) == 1
        and not any(joined == f"{prefix}token" for prefix in _NO_SECRET_TOKEN)
    )


def _counts(words: list[str], ending: str, start: int) -> bool:
    if ending == "token":
        return len(words) < 2 or words[-2] not in _NO_SECRET_TOKEN
    if ending == "pin":
        return len(words) < 3
    return start == 0 or ending not in ALONE


def pattern() -> str:
    """Of names in JSON that may be secret, for a first look: more than those that are."""
    gap = r"[^A-Za-z0-9\"]{0,2}"
    ends = "|".join(sorted(word.replace(" ", gap) for word in ENDINGS if word not in ALONE and word != "token"))
    alone = "|".join(sorted(word.replace(" ", gap) for word in ALONE))
    anywhere = "|".join(sorted(WORDS))
    other = r"[^\"\\\n]*"
    tail = rf"[^A-Za-z\"\\]*(?:{'|'.join(sorted(WRAPPERS))})?[^A-Za-z\"\\]*"
    return rf"{other}(?:{anywhere}){other}|{other}(?:{ends}|token){tail}|(?:{alone}){tail}"
