"""Why a login with the provider came to nothing."""

from handrail.schemas.errors import HandrailError


class LoginRefused(HandrailError):
    """What came from the provider, or from the browser, is not a good login. The line is for the audit."""


class ProviderAway(LoginRefused):
    """The provider does not answer."""
