"""Conversations that stay decoded between batches: decoding a head takes as long as assessing a proposal."""

from handrail.streams.governor.working_conversation import WorkingConversation

LIVE_BYTES_MAX = 16_000_000  # of one partition
CONVERSATION_BYTES = 5_000  # of each conversation, beside what grows with its head
HEAD_TIMES = 4  # a head's objects take so many times its encoded bytes


class LiveConversations:
    """The conversations that were committed last, by id, within LIVE_BYTES_MAX by estimate.

    One that is taken belongs to the batch that works on it, and comes back when that is committed. So what a batch
    changed in vain is gone with the batch, and the oldest here is the one that was used least recently.
    """

    def __init__(self) -> None:
        self._conversations: dict[str, WorkingConversation] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._conversations)

    def take(self, name: str) -> WorkingConversation | None:
        """The working conversation, which is no longer here; None where it has to be read."""
        conversation = self._conversations.pop(name, None)
        if conversation is not None:
            self.bytes -= conversation.live_bytes
        return conversation

    def keep(self, conversation: WorkingConversation, head_bytes: int) -> None:
        """Keep one whose head was just stored, in so many bytes; the least recently used ones leave."""
        conversation.live_bytes = CONVERSATION_BYTES + HEAD_TIMES * head_bytes
        self._conversations[conversation.id] = conversation
        self.bytes += conversation.live_bytes
        while self.bytes > LIVE_BYTES_MAX:
            self.take(next(iter(self._conversations)))
