"""From where a person has logged in before: others' failures elsewhere do not lock that person out there.

After OWASP's page on device cookies; an address stands in for the cookie.
"""

from handrail.desk.web.security.store import Store

KEPT_S = 30 * 86_400.0
KNOWN_MAX = 20_000


class KnownClients:
    """Pairs of person and client address of the last 30 days."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, person: str, client: str, now_s: float) -> None:
        """This person has logged in from there."""
        with self._store.writing() as file:
            file.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", (person, client, now_s))
            file.execute("DELETE FROM known WHERE seen_s < ?", (now_s - KEPT_S,))
            over = "SELECT person, client FROM known ORDER BY seen_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM known WHERE (person, client) IN ({over})", (KNOWN_MAX,))

    def has(self, person: str, client: str) -> bool:
        """This person has logged in from there before."""
        with self._store.reading() as file:
            found = file.execute("SELECT 1 FROM known WHERE person = ? AND client = ?", (person, client)).fetchone()
        return found is not None
