"""The login as Faust takes it: its `broker_credentials`."""

from typing import Any

from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from handrail.kafka.login import Login


def credentials_of(login: Login) -> CredentialsT | None:
    """None for PLAINTEXT, which Faust takes for `no login`.

    Faust makes the same arguments of aiokafka's clients of it that `Login.options` gives.
    """
    given: dict[str, Any] = login.options()
    context = given.get("ssl_context")
    if login.token is not None:
        return OAuthCredentials(oauth_cb=login.token, ssl_context=context)
    if login.mechanism is not None:
        return SASLCredentials(
            mechanism=login.mechanism,
            username=given["sasl_plain_username"],
            password=given["sasl_plain_password"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None
