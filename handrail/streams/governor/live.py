"""Cases that stay decoded between batches: to read a head again takes as long as to judge what is proposed."""

from handrail.streams.governor.case import Case

LIVE_BYTES_MAX = 16_000_000  # of one partition
CASE_BYTES = 5_000  # what a case takes beside what grows with its head
HEAD_TIMES = 4  # so many times the bytes of a head are those of its objects


class Live:
    """The cases that were committed last, by conversation, within LIVE_BYTES_MAX by estimate.

    A case that is taken belongs to the batch that works on it, and comes back when that is committed. So what a batch
    changed in vain is gone with the batch, and the oldest here is the one that was used least recently.
    """

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._cases)

    def take(self, name: str) -> Case | None:
        """The conversation's case, which is no longer here; None where it has to be read."""
        case = self._cases.pop(name, None)
        if case is not None:
            self.bytes -= case.live_bytes
        return case

    def keep(self, case: Case, head_bytes: int) -> None:
        """Keep a case whose head was just stored, in so many bytes; the least recently used ones leave."""
        case.live_bytes = CASE_BYTES + HEAD_TIMES * head_bytes
        self._cases[case.id] = case
        self.bytes += case.live_bytes
        while self.bytes > LIVE_BYTES_MAX:
            self.take(next(iter(self._cases)))
