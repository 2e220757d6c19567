"""Fields that are secret by their name, whatever stands in them."""

from functools import lru_cache

NAMED, REDACTED = "named", "[redacted]"
SECRET_NAMES = frozenset(
    {
        "card", "card_number", "cardnumber", "credit_card", "cvv", "cvc", "iban", "account_number", "password",
        "passcode", "passphrase", "pin", "pin_code", "secret", "api_key", "token", "access_token", "ssn",
        "social_security_number", "tax_id", "passport_number",
    }
)  # fmt: skip


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether what stands under this name is never shown."""
    return plain(name) in SECRET_NAMES


def plain(name: str) -> str:
    """The name in the form in which names are compared."""
    return name.casefold().replace("-", "_")
