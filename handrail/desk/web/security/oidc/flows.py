"""Logins that are on their way to the provider and back."""

from dataclasses import dataclass

from handrail.desk.web.security.store import SECRET_LENGTH, Store, digest, new_secret

GOOD_S = 10 * 60.0
FLOWS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Flow:
    """What one login was begun with: `nonce` comes back in the ID token, `verifier` proves that we began (RFC 7636)."""

    nonce: str
    verifier: str
    next: str


class Flows:
    """Each is good once, within ten minutes, and in the browser that began it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, browser: str, next_: str, now_s: float) -> tuple[str, Flow]:
        """The `state` of a new one, and the flow."""
        state, flow = new_secret(), Flow(new_secret(), new_secret(), next_)
        row = (digest(state), digest(browser), flow.nonce, flow.verifier, flow.next, now_s)
        with self._store.writing() as file:
            file.execute("DELETE FROM flows WHERE begun_s <= ?", (now_s - GOOD_S,))
            file.execute("INSERT INTO flows VALUES (?, ?, ?, ?, ?, ?)", row)
            over = "SELECT state FROM flows ORDER BY begun_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM flows WHERE state IN ({over})", (FLOWS_MAX,))
        return state, flow

    def take(self, state: str, browser: str, now_s: float) -> Flow | None:
        """The flow, which is gone now; None: unknown, used, too old, or another browser's (whose it stays)."""
        if len(state) != SECRET_LENGTH or not browser:
            return None
        with self._store.writing() as file:
            taken = file.execute(
                "DELETE FROM flows WHERE state = ? AND browser = ? RETURNING nonce, verifier, next, begun_s",
                (digest(state), digest(browser)),
            )
            row = taken.fetchone()
            taken.close()
        return Flow(*row[:3]) if row is not None and now_s < row[3] + GOOD_S else None
