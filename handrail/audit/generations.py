"""Which conversations began before the part of the log that is folded, as their own decisions say. Pure."""

from typing import Any

from handrail.audit.decided import Key


def since_of(event: dict[str, Any]) -> int | None:
    """The offset at which the conversation of a decision with a key began; None where it says nothing that can be."""
    chain = event["data"].get("chain")
    since = chain.get("since") if isinstance(chain, dict) else None
    if not isinstance(since, int) or isinstance(since, bool):
        return None
    return since if 0 <= since <= event["data"]["position"]["offset"] else None


class Generations:
    """Told of the decisions of a partition that is folded from behind the offset `start`.

    A conversation that began there cannot be folded: every decision of it says so. One alone may be forged, to have the
    conversation passed over. But a conversation never goes back to an earlier life: once a decision says that it began
    behind `start`, none for a record from there on is older. So whoever wants to hide a conversation has to take away
    every decision that the worker gave in it.
    """

    def __init__(self, start: int = -1) -> None:
        self.start = start
        self._older: dict[str, int] = {}  # where they began
        self._anew: dict[str, int] = {}  # where the first life behind `start` began

    def note(self, key: Key, since: int | None) -> bool:
        """Take what a decision says; True where nothing said before that its conversation is older."""
        offset, name = key[:2]
        if since is None or offset <= self.start:
            return False
        if since > self.start:
            self._anew[name] = min(since, self._anew.get(name, since))
            return False
        if name in self._older:
            return False
        self._older[name] = since
        return True

    def older(self, key: Key) -> int | None:
        """Where the conversation began, if what is decided at this place belongs to a life from before `start`."""
        offset, name = key[:2]
        since = self._older.get(name)
        return None if since is None or offset >= self._anew.get(name, offset + 1) else since
