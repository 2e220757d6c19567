"""Where to go after login: a path of the desk, never another site."""

import re

START = "/"
LENGTH_MAX = 2_048
_NOT_AFTER_LOGIN = ("/login", "/logout", "/oidc/")
# Browsers drop tabs and line ends and read `\\` as `/`, so that `/\t/evil` and `/\\evil` leave the site.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


def local_path(path: str | None) -> str:
    """The path, where it is one of the desk's own pages (RFC 3986 path-absolute with query); else the start page."""
    if path is None or len(path) > LENGTH_MAX or _FORBIDDEN.search(path) or "#" in path:
        return START
    if not path.startswith("/") or path.startswith("//") or path.startswith(_NOT_AFTER_LOGIN):
        return START
    return path
