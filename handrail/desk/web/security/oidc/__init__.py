"""OpenID Connect, authorization code flow with PKCE: the relying party's side."""
