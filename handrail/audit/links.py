"""The decisions of one partition, each linked to the one before it in its conversation. Pure.

The decisions alone are enough (schemas/chain.py). What they show: between the first and the last decision of a
conversation that are there, none was taken away, changed or put in. What they cannot: that the last ones were cut off
or changed, that a conversation is gone altogether, that a decision which calls itself a repeat was put in (it is no
link), or that somebody who can write a complete conversation wrote another one. For that the events are folded again
(comparison.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from handrail.audit.beginning import since_of
from handrail.audit.decision_records import Counts, DecisionRecord, key_of, parse_event, partition_of
from handrail.schemas.chain import START, extend, linked
from handrail.schemas.keys import PublicKey
from handrail.schemas.signature import decision_refused

DIGEST_BYTES = 16  # of each digest, for copies that come later: finding two decisions that share them is infeasible
BATCHES = 1_024  # signatures in the cache; a batch is contiguous on the topic
UNREADABLE = "it cannot be read as a decision"
ELSEWHERE = "it says that it belongs to partition {}"
TWO_NAMES = "its subject is not its conversation_id"
NO_PLACE = "it carries no place in a chain"
NO_START = "it calls itself the first of its conversation, and carries a digest of others"
GONE = "missing before it: {:,} of its conversation, from number {:,} on"
OTHER_BEFORE = "it does not follow from the decision before it: one of the two was changed, or put in"
OTHER_HERE = "it is not the decision of that number that came first: one of the two was changed, or put in"
NOT_IN_ORDER = "it answers offset {}, the decision before it a later one, {}"
EARLIER_GENERATION = "its conversation began at offset {}, and was begun anew at {}, as a decision before it says"
NOT_BEGUN_ANEW = (
    "it says that its conversation was begun anew at offset {}, a decision before it answers {} in its earlier life"
)
_signature_holds = lru_cache(BATCHES)(PublicKey.holds)


@dataclass(slots=True)
class Chain:
    """The decisions since the offset `since` at which the conversation was begun.

    `last` is the digest over all of them, which the next one carries; `digests` has the start of each digest, from the
    one over the first `first` decisions on. The last decision lies at `offset`, -1 before there is one, and answers the
    record at `position`, before that the one at `since`.
    """

    since: int
    first: int
    last: bytes
    digests: bytearray
    position: int
    offset: int = -1

    @classmethod
    def at(cls, since: int, first: int, digest: bytes) -> "Chain":
        """Nothing is known but what the first decision that is there says of those before it."""
        return cls(since, first, digest, bytearray(digest[:DIGEST_BYTES]), since)

    @property
    def links(self) -> int:
        """How many decisions come before the next one."""
        return self.first + len(self.digests) // DIGEST_BYTES - 1

    def digest(self, before: int) -> bytes:
        """The start of the digest over that many decisions; `before` is from `first` to `links`."""
        at = (before - self.first) * DIGEST_BYTES
        return bytes(self.digests[at : at + DIGEST_BYTES])

    def begin(self, first: int, digest: bytes) -> None:
        """Go on from what a decision says; what is known of those before it is given up."""
        self.first, self.last, self.digests = first, digest, bytearray(digest[:DIGEST_BYTES])

    def extend(self, digest: bytes, offset: int, position: int) -> None:
        """One more decision."""
        self.last, self.offset, self.position = digest, offset, position
        self.digests += digest[:DIGEST_BYTES]


@dataclass(slots=True)
class ChainCounts(Counts):
    """What was found.

    `linked`: decisions in their place, the first of a conversation among them; `repeats`: copies, and answers to
    repeated events; `unchecked`: copies of what retention has removed. `conversations` are counted once for each time
    that they began; of these, `later` are only there from a later decision on.
    """

    decisions: int = 0
    linked: int = 0
    repeats: int = 0
    unchecked: int = 0
    breaks: int = 0
    conversations: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """A decision that is not in its place.

    `number` is the one that it says it has in its conversation, from 1. `before` is the offset of the decision that it
    was compared with, -1 where it is not known. The digests are over all decisions before it, in hex; None is unknown.
    """

    record: DecisionRecord
    why: str
    conversation: str | None = None
    number: int | None = None
    before: int = -1
    expected_digest: str | None = None
    digest: str | None = None


class Link:
    """A decision that says where in a chain it stands."""

    def __init__(self, record: DecisionRecord, event: dict[str, Any], since: int) -> None:
        self.record, self.data, self.since = record, event["data"], since
        self.conversation: str = event["subject"]
        self.position: int = self.data["position"]["offset"]
        self.repeat = self.data.get("repeat") is True
        self.before: int = self.data["chain"]["before"]
        self.digest = bytes.fromhex(self.data["chain"]["digest"])

    @cached_property
    def after(self) -> bytes:
        """The digest that the next decision carries."""
        return self.digest if self.repeat else extend(self.digest, linked(self.data))


class Links:
    """Decisions of one partition go in, in the order of their topic.

    `complete`: the topic still has every decision, so that each conversation begins with its first one. Memory:
    DIGEST_BYTES for each decision, and a few hundred for each conversation. With `keys`, by their ids, each decision
    must also be signed with one of them.
    """

    def __init__(self, partition: int, complete: bool, keys: Mapping[str, PublicKey] | None = None) -> None:
        self.partition, self.counts = partition, ChainCounts()
        self._keys = keys
        self.first: Break | None = None
        self._complete = complete
        self._now: dict[str, Chain] = {}  # of each conversation, since it was begun last
        self._past: dict[tuple[str, int], Chain] = {}  # those before

    def take(self, record: DecisionRecord) -> None:
        """One more decision."""
        self.counts.decisions += 1
        link = self._read(record)
        chain = None if link is None else self._chain(link)
        if link is None or chain is None:
            return
        if link.before < chain.first:
            self.counts.unchecked += 1
        elif link.before < chain.links:
            self._again(chain, link)
        else:
            self._next(chain, link)

    def _read(self, record: DecisionRecord) -> Link | None:
        event = parse_event(record.value)
        if event is None or key_of(event) is None:
            self._break(Break(record, UNREADABLE))
            return None
        name, since = event["subject"], since_of(event)
        if (why := self._refused(event, since)) is not None or since is None:
            self._break(Break(record, why or NO_PLACE, name))
            return None
        return Link(record, event, since)

    def _refused(self, event: dict[str, Any], since: int | None) -> str | None:
        if (partition := partition_of(event)) != self.partition:
            return ELSEWHERE.format(partition)
        if event["data"].get("conversation_id") != event["subject"]:
            return TWO_NAMES
        if (
            self._keys is not None
            and (why := decision_refused(event["data"], self._keys, _signature_holds)) is not None
        ):
            return why
        return None if since is not None and _plain(event["data"]["chain"]) else NO_PLACE

    def _chain(self, link: Link) -> Chain | None:
        """The chain that the decision belongs to; None where there is none, or where it begins one wrongly."""
        now = self._now.get(link.conversation)
        if now is None:
            return self._begin(link, self._complete)
        if link.since == now.since:
            return now
        if link.since > now.position:
            self._past[link.conversation, now.since] = now
            return self._begin(link, complete=True)
        past = self._past.get((link.conversation, link.since))
        if past is not None and link.before < past.links + link.repeat:
            return past
        why = EARLIER_GENERATION if link.since < now.since else NOT_BEGUN_ANEW
        self._wrong(link, why.format(link.since, now.since if why is EARLIER_GENERATION else now.position), now.offset)
        return None

    def _begin(self, link: Link, complete: bool) -> Chain | None:
        self.counts.conversations += 1
        chain = self._now[link.conversation] = Chain.at(link.since, link.before, link.digest)
        if link.before and not complete:
            self.counts.later += 1
        elif link.before or link.digest != START:
            self._wrong(link, GONE.format(link.before, 1) if link.before else NO_START, expected=START)
            self._extend(chain, link)
            return None
        return chain

    def _again(self, chain: Chain, link: Link) -> None:
        """A copy, or another one of the same number."""
        if chain.digest(link.before) != link.digest[:DIGEST_BYTES]:
            self._wrong(link, OTHER_BEFORE)
        elif not link.repeat and chain.digest(link.before + 1) != link.after[:DIGEST_BYTES]:
            self._wrong(link, OTHER_HERE, chain.offset if link.before == chain.links - 1 else -1)
        else:
            self.counts.repeats += 1

    def _next(self, chain: Chain, link: Link) -> None:
        """The next decision; where it does not follow the last one, later ones are compared with what it says."""
        if link.before > chain.links:
            why = GONE.format(link.before - chain.links, chain.links + 1)
        elif link.digest != chain.last:
            why = OTHER_BEFORE
        elif link.position < chain.position:
            why = NOT_IN_ORDER.format(link.position, chain.position)
        else:
            self.counts.repeats += link.repeat
            self.counts.linked += not link.repeat
            self._extend(chain, link)
            return
        self._wrong(link, why, chain.offset, chain.last if link.before == chain.links else None)
        chain.begin(link.before, link.digest)
        self._extend(chain, link)

    def _extend(self, chain: Chain, link: Link) -> None:
        if not link.repeat:
            chain.extend(link.after, link.record.offset, link.position)

    def _wrong(self, link: Link, why: str, before: int = -1, expected: bytes | None = None) -> None:
        expected_hex = None if expected is None else expected.hex()
        number = link.before + 1
        self._break(Break(link.record, why, link.conversation, number, before, expected_hex, link.digest.hex()))

    def _break(self, broken: Break) -> None:
        self.counts.breaks += 1
        self.first = self.first or broken


def _plain(chain: dict[str, Any]) -> bool:
    before, digest = chain.get("before"), chain.get("digest")
    if not isinstance(before, int) or isinstance(before, bool) or before < 0 or not isinstance(digest, str):
        return False
    try:
        return len(digest) == 2 * len(START) and bytes.fromhex(digest).hex() == digest
    except ValueError:
        return False
