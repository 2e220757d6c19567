"""The one-time link with which the first person comes in, before there are users."""

from handrail.desk.web.security.store import SECRET_LENGTH, Store, digest, new_secret

GOOD_S = 15 * 60.0
LINKS_MAX = 16


class Links:
    """Links that are good once, for a quarter of an hour."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def new(self, person: str, now_s: float) -> str:
        """A token that lets this person in."""
        token = new_secret()
        with self._store.writing() as file:
            file.execute("DELETE FROM links WHERE ends_s <= ?", (now_s,))
            file.execute("INSERT INTO links VALUES (?, ?, ?)", (digest(token), person, now_s + GOOD_S))
            over = "SELECT token FROM links ORDER BY ends_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM links WHERE token IN ({over})", (LINKS_MAX,))
        return token

    def take(self, token: str, now_s: float) -> str | None:
        """Whom it lets in; from now on nobody. None: it was used, is too old, or never was."""
        if len(token) != SECRET_LENGTH:
            return None
        with self._store.writing() as file:
            taken = file.execute("DELETE FROM links WHERE token = ? RETURNING person, ends_s", (digest(token),))
            row = taken.fetchone()
            taken.close()
        return row[0] if row is not None and now_s < row[1] else None

    def forget(self) -> None:
        """No link is good any more: there are users now."""
        with self._store.writing() as file:
            file.execute("DELETE FROM links")
