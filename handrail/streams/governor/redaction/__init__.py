"""Redaction by value and by name: cards, account numbers, e-mail, phones and secrets, marked where they stood.

Pure, and bounded: every pattern is RE2's, so the time is linear in the text. docs/decisions/0017-redaction.md says why.
"""

from handrail.streams.governor.redaction.names import NAMED, REDACTED, is_secret
from handrail.streams.governor.redaction.record import Stored, redact_record
from handrail.streams.governor.redaction.redactions import Redactions
from handrail.streams.governor.redaction.text import Redacted, cut, redact_bytes, redact_text

KINDS = ("card", "email", "iban", "named", "password", "phone", "private_key", "token")
"""What may be found; `named` is what a field's name says."""

__all__ = [
    "KINDS",
    "NAMED",
    "REDACTED",
    "Redacted",
    "Redactions",
    "Stored",
    "cut",
    "is_secret",
    "redact_bytes",
    "redact_record",
    "redact_text",
]  # fmt: skip
