"""To the provider, and back."""

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from handrail.desk.web.security import cookies, guard
from handrail.desk.web.security.address import local_path
from handrail.desk.web.security.login import begin_session, login_page
from handrail.desk.web.security.oidc.flows import Flow
from handrail.desk.web.security.oidc.provider import LoginRefused, Metadata, Provider, ProviderAway
from handrail.desk.web.security.oidc.token import claims_of, person_id, roles_of, shown_name
from handrail.desk.web.security.parts import Parts, record
from handrail.desk.web.security.person import Visit, visit_of
from handrail.desk.web.security.sessions import oidc_stamp
from handrail.desk.web.security.store import new_secret
from handrail.schemas.errors import HandrailError
from handrail.schemas.identity import mistake_in

CALLBACK = "/oidc/callback"
AWAY = "Your organisation's login does not answer. Try again in a moment."
REFUSED = "That login came to nothing. Begin again here."
NO_ROLE = "You are known, but you have no role at this desk: ask whoever keeps it."


class OidcPages:
    """The pages /oidc/start and /oidc/callback."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """Where they are. The way out is a link, not a form: `form-action 'self'` would stop a form's redirect."""
        return [Route("/oidc/start", self.start, methods=["GET"]), Route(CALLBACK, self.callback, methods=["GET"])]

    async def start(self, request: Request) -> Response:
        """Off to the provider."""
        parts, visit, provider = self._parts, visit_of(request.scope), self._provider()
        if (wait_s := parts.limits.logins.take(visit.client, parts.clock())) > 0:
            refusal = await guard.too_often(parts, request.scope, visit, f"client {visit.client}", wait_s)
            return refusal.response
        try:
            metadata = await provider.metadata()
        except HandrailError as error:
            return await self._failed(visit, error)
        if not visit.browser:
            visit.browser = new_secret()
            visit.cookies[cookies.BROWSER] = visit.browser
        wanted = local_path(request.query_params.get("next"))
        state, flow = parts.flows.begin(visit.browser, wanted, parts.clock())
        return RedirectResponse(self._way(metadata, state, flow, self._callback_of(request)), 303)

    async def callback(self, request: Request) -> Response:
        """Back from the provider: in, or the login page with a line."""
        visit = visit_of(request.scope)
        try:
            wanted = await self._come_back(request, visit, self._provider())
        except HandrailError as error:
            return await self._failed(visit, error)
        return RedirectResponse(wanted, 303) if wanted else login_page(self._parts, visit, 403, NO_ROLE)

    async def _come_back(self, request: Request, visit: Visit, provider: Provider) -> str:
        """Where to go; empty for who has no role. Raises LoginRefused."""
        parts = self._parts
        flow = parts.flows.take(_once(request, "state"), visit.browser, parts.clock())
        if flow is None:
            raise LoginRefused("state is unknown, used, too old, or another browser's")
        issuer = _once(request, "iss")
        if issuer != provider.issuer and (issuer or (await provider.metadata()).names_issuer):
            raise LoginRefused("the answer comes from another provider (iss)")  # RFC 9207
        if _once(request, "error"):
            raise LoginRefused("the provider says no")
        code = _once(request, "code")
        if not code:
            raise LoginRefused("no code")
        tokens = await provider.tokens(code, flow.verifier, self._callback_of(request))
        claims = await claims_of(tokens.get("id_token"), provider, flow.nonce, parts.clock())
        settings, person = parts.settings, person_id(claims)
        if (mistake := mistake_in(person)) is not None:
            raise LoginRefused(f"sub {mistake}")
        roles = roles_of(claims, settings.oidc_roles_claim, settings.oidc_roles)
        if not roles:
            await record(parts.audit, "login.failed", person, method="oidc", why="no role", client=visit.client)
            return ""
        await begin_session(parts, visit, person, shown_name(claims), roles, "oidc", oidc_stamp(settings))
        return flow.next

    async def _failed(self, visit: Visit, error: HandrailError) -> Response:
        await record(self._parts.audit, "login.failed", None, method="oidc", why=str(error), client=visit.client)
        away = isinstance(error, ProviderAway)
        return login_page(self._parts, visit, 502 if away else 401, AWAY if away else REFUSED)

    def _provider(self) -> Provider:
        if self._parts.provider is None:
            raise HTTPException(404, "no OIDC provider is set (oidc_issuer)")
        return self._parts.provider

    def _callback_of(self, request: Request) -> str:
        return self._parts.address.origin_for(request.headers["host"]) + CALLBACK

    def _way(self, metadata: Metadata, state: str, flow: Flow, callback: str) -> str:
        challenge = urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._parts.settings.oidc_client_id or "",
            "redirect_uri": callback,
            "scope": self._parts.settings.oidc_scopes,
            "state": state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = metadata.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def _once(request: Request, name: str) -> str:
    """The parameter, where it is there exactly once; else empty."""
    values = request.query_params.getlist(name)
    return values[0] if len(values) == 1 else ""
