"""As whom a login is known to the brokers, and when its certificate ends."""

from datetime import UTC, datetime
from pathlib import Path

from handrail.kafka.login import Login

ANONYMOUS = "User:ANONYMOUS"


def principal_of(login: Login) -> str:
    """`User:NAME`, unless the brokers have rules of their own (`ssl.principal.mapping.rules`, a principal builder)."""
    if login.settings.kafka_username is not None:
        return f"User:{login.settings.kafka_username}"
    if login.token is not None:
        return f"User:{login.token.subject or '(of the token)'}"
    if login.tls is not None and login.tls.cert is not None:
        return f"User:{subject_of(login.tls.cert)}"
    return ANONYMOUS


def subject_of(cert: Path) -> str:
    """Whom the certificate names, as brokers write it (RFC 2253). Raises OSError or ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(cert.read_bytes()).subject.rfc4514_string()


def end_of(cert: Path) -> datetime:
    """When the certificate ends. Raises OSError or ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc


def ended(login: Login) -> str:
    """Since when this client's certificate is not valid any more; empty where it is, or there is none."""
    if login.tls is None or login.tls.cert is None or (end := end_of(login.tls.cert)) > datetime.now(UTC):
        return ""
    return f"{end:%Y-%m-%d %H:%M} UTC"
