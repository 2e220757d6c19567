"""The client's requests that the server has not answered yet, so that each answer is told of the right call."""

from dataclasses import dataclass

from handrail.mcp.batch import Batch
from handrail.mcp.call import ToolsCall
from handrail.mcp.message import INVALID, Malformed, RequestId

REQUESTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Pending:
    """One request. `batch`: where its answer has to go; `call`: what it calls."""

    method: str
    batch: Batch | None = None
    call: ToolsCall | None = None


class Requests:
    """By their ids. `1` and `"1"` are one: some servers answer one for the other.

    One that is cancelled stays until it is answered after all: its late answer must not be taken for another's.
    """

    def __init__(self) -> None:
        self._open: dict[str, Pending] = {}

    def open(self, request_id: RequestId, pending: Pending) -> None:
        """Raises Malformed where the id is in use, or REQUESTS_MAX requests are open; its id is None for a duplicate,
        since an answer would be taken for that of the first one.
        """
        if str(request_id) in self._open:
            raise Malformed(INVALID, f"id {str(request_id)[:100]}: it is in use by a request that is not answered yet")
        if len(self._open) >= REQUESTS_MAX:
            raise Malformed(INVALID, f"{REQUESTS_MAX} requests are not answered yet", request_id)
        self._open[str(request_id)] = pending

    def get(self, request_id: object) -> Pending | None:
        """The open request."""
        return self._open.get(str(request_id))

    def close(self, request_id: object) -> Pending | None:
        """It is answered: the request, or None where there is none."""
        return self._open.pop(str(request_id), None)

    def not_made(self, call: ToolsCall) -> None:
        """The server will never hear of the call; its id may be used again."""
        pending = self.get(call.id)
        if pending is not None and pending.call is call:
            self.close(call.id)
