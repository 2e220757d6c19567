"""The policy bundles on `governance.policies.v1`: the newest one that counts is the one that decides.

Any client with write access to the topic may write anything there. So a record is only listed while it is read: its key
has to be the SHA-256 of its value, which needs no parsing. It is parsed when a partition activates it, or when it is
the newest one that a key vouches for where keys count. Everything else is passed over, and reported once.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson
from aiokafka import ConsumerRecord, TopicPartition

from handrail.policies import Bundle, compile_bundle
from handrail.policies.keys import Trusted, trusted
from handrail.schemas.canonical import canonical
from handrail.schemas.errors import HandrailError
from handrail.schemas.keys import PublicKey, SigningKey
from handrail.schemas.signature import ruleset_vouched, sign_ruleset
from handrail.schemas.topics import POLICIES
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import PassedOver, ends, reading

VOUCHED = "handrail-signature"
"""The header of a published bundle with the signature that vouches for it."""
NUMBER = "handrail-published"
"""The header with its number, microseconds since 1970: the highest is the newest, wherever it lies on the topic."""

PREFIX = "sha256:"
RULESET = re.compile(r"sha256:[0-9a-f]{64}")
LISTED_MAX = 10_000  # bundles that are listed and not compiled; the oldest leaves
AHEAD_US = 3_600_000_000  # a number further in the future comes from no sane clock
WHY_MAX = 200
BYTES_MAX = 8_000_000

NO_KEY = "its key is not the hash of a bundle"
NOT_ITS = "its value is not the bundle that its key names"
TOO_LARGE = f"it has more than {BYTES_MAX:,} bytes"
AHEAD = "its number lies in the future"
NOT_VOUCHED = "no key that counts here vouches for it"


@dataclass(frozen=True, slots=True)
class Published:
    """A record with a bundle, not parsed yet. `vouched`: the header that says who vouches for it."""

    offset: int
    number: int
    vouched: bytes


class Bundles:
    """The published bundles. `refresh` reads the records since the last time, `load` compiles one bundle."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._compiled: dict[str, Bundle] = {}
        self._listed: dict[str, Published] = {}
        self._withdrawn: dict[str, bytes] = {}  # by a tombstone after it, with its header
        self._spoiled: set[str] = set()  # under whose key something else lies now: compaction would keep that
        self._passed: dict[bytes | None, PassedOver] = {}
        self._next = 0
        self._one_reader = asyncio.Lock()  # what comes later counts more

    @property
    def known(self) -> Mapping[str, Bundle]:
        """Compiled bundles by their ruleset; the same mapping always, so that a fold sees what a `load` brings."""
        return self._compiled

    @property
    def passed(self) -> list[PassedOver]:
        """Records that are passed over and not withdrawn, in the order of the topic."""
        return sorted(self._passed.values(), key=lambda record: record.offset)

    @property
    def read(self) -> int:
        """The offset up to which the topic is read."""
        return self._next

    def key_of(self, named: str) -> bytes | None:
        """The key of a record that lies on the topic and is not withdrawn; it is named by its key, or by its offset."""
        there = {record.offset: key for key, record in self._passed.items()}
        live = {name: listed for name, listed in self._listed.items() if name not in self._withdrawn}
        there |= {listed.offset: name.encode() for name, listed in live.items()}
        if named.isdigit():
            return there.get(int(named))
        return next((key for key in there.values() if key is not None and key.decode(errors="replace") == named), None)

    @property
    def newest(self) -> str:
        """The newest one that is listed and not withdrawn, vouched for or not, parsed or not; may be empty."""
        return next((name for name in self._ranked() if name not in self._withdrawn), "")

    async def refresh(self) -> None:
        """Read the topic to its end. Raises ConfigError where no broker answers."""
        tp = TopicPartition(POLICIES, 0)
        async with self._one_reader:
            end = (await ends(self._bootstrap, [tp]))[tp]
            if self._next >= end:
                return
            async with reading(self._bootstrap) as consumer:
                consumer.assign([tp])
                consumer.seek(tp, self._next)
                while await consumer.position(tp) < end:
                    for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, ()):
                        self._take(record)
            self._next = end

    async def load(self, ruleset: str) -> bool:
        """Compile a published bundle; False where it is not there, or cannot be used by this version."""
        if ruleset in self._compiled:
            return True
        listed = self._listed.get(ruleset)
        value = None if listed is None else await self._value(ruleset, listed.offset)
        if listed is None or value is None:
            return False
        try:
            self._compiled[ruleset] = _compiled(value)
        except ValueError as error:
            self._passed[ruleset.encode()] = PassedOver(POLICIES, 0, listed.offset, ruleset.encode(), str(error))
            return False
        return True

    async def load_all(self) -> Mapping[str, Bundle]:
        """Every bundle that can be used, by its ruleset: what a log may have activated at any time."""
        for ruleset in list(self._listed):
            await self.load(ruleset)
        return self._compiled

    async def newest_for(self, keys: Mapping[str, Trusted], in_force: str = "") -> str:
        """The newest bundle that one of these keys vouches for and that can be used; where there is no key, the newest.

        It is compiled then. May be empty. No tombstone takes away the one `in_force`.
        """
        may = trusted(keys, "controls")
        for ruleset in self._ranked():
            listed = self._listed[ruleset]
            if keys and not self._vouched(ruleset, may):
                self._passed[ruleset.encode()] = PassedOver(POLICIES, 0, listed.offset, ruleset.encode(), NOT_VOUCHED)
            elif (ruleset == in_force or not self._gone(ruleset, keys, may)) and await self.load(ruleset):
                return ruleset
        return ""

    async def publish(self, producer: Producer, bundle: Bundle, key: SigningKey | None = None) -> bool:
        """Make `bundle` the newest, vouched for with `key`; False where it is already."""
        name = bundle.ruleset
        mine = {} if key is None else {key.id: key.public}
        if self.newest == name and not self._lost(name) and (key is None or self._vouched(name, mine)):
            self._compiled[name] = bundle
            return False
        top = max((listed.number for listed in self._listed.values()), default=0)
        number = max(time.time_ns() // 1000, top + 1)
        await self._write(producer, bundle, number, b"" if key is None else sign_ruleset(key, name, number))
        return True

    async def restore(self, producer: Producer, ruleset: str) -> bool:
        """Write a bundle again, as it was published, where something else lies under its key; False where not."""
        bundle, listed = self._compiled.get(ruleset), self._listed.get(ruleset)
        if bundle is None or listed is None or not self._lost(ruleset):
            return False
        await self._write(producer, bundle, listed.number, listed.vouched)
        return True

    async def _write(self, producer: Producer, bundle: Bundle, number: int, vouched: bytes) -> None:
        headers = ((NUMBER, b"%d" % number), *(((VOUCHED, vouched),) if vouched else ()))
        row = Row(bundle.ruleset.encode(), canonical(bundle.document), headers)
        (written,) = await producer.write(POLICIES, 0, [row])
        self._compiled[bundle.ruleset] = bundle
        self._list(bundle.ruleset, Published(written.first, number, vouched))

    def _take(self, record: ConsumerRecord) -> None:
        named = (record.key or b"").decode(errors="replace")
        if (why := _refused(named, record)) is not None:
            self._passed[record.key] = PassedOver(POLICIES, 0, record.offset, record.key, why)
            self._spoiled.add(named)
            return
        headers = dict(record.headers)
        self._passed.pop(record.key, None)
        if record.value is None:
            self._withdrawn[named] = headers.get(VOUCHED, b"")
            return
        self._list(named, Published(record.offset, _number(record), headers.get(VOUCHED, b"")))

    def _list(self, ruleset: str, published: Published) -> None:
        self._spoiled.discard(ruleset)
        self._withdrawn.pop(ruleset, None)
        self._passed.pop(ruleset.encode(), None)
        self._listed[ruleset] = published
        while len(self._listed) > LISTED_MAX:
            oldest = self._ranked()[-1]
            del self._listed[oldest]

    def _ranked(self) -> list[str]:
        """The newest first."""
        listed = self._listed
        return sorted(listed, key=lambda name: (listed[name].number, listed[name].offset), reverse=True)

    def _lost(self, ruleset: str) -> bool:
        return ruleset in self._spoiled or ruleset in self._withdrawn

    def _vouched(self, ruleset: str, keys: Mapping[str, PublicKey]) -> bool:
        listed = self._listed[ruleset]
        return bool(listed.vouched) and ruleset_vouched(listed.vouched, ruleset, listed.number, keys)

    def _gone(self, ruleset: str, keys: Mapping[str, Trusted], may: Mapping[str, PublicKey]) -> bool:
        """Whether it was withdrawn, with a key that may do that where keys count."""
        header = self._withdrawn.get(ruleset)
        if header is None:
            return False
        return not keys or ruleset_vouched(header, ruleset, 0, may)

    async def _value(self, ruleset: str, offset: int) -> bytes | None:
        """The value of the record there; None where compaction has taken it."""
        tp = TopicPartition(POLICIES, 0)
        async with reading(self._bootstrap) as consumer:
            consumer.assign([tp])
            consumer.seek(tp, offset)
            while await consumer.position(tp) <= offset:
                for record in (await consumer.getmany(tp, timeout_ms=1000, max_records=1)).get(tp, ()):
                    value: bytes | None = record.value
                    return value if record.offset == offset and value and _hash(value) == ruleset else None
        return None


def _refused(named: str, record: ConsumerRecord) -> str | None:
    """Why a record is no bundle, by what can be seen without parsing it."""
    if not RULESET.fullmatch(named):
        return NO_KEY if record.value is not None else None
    if record.value is None:
        return None
    if len(record.value) > BYTES_MAX:
        return TOO_LARGE
    if _hash(record.value) != named:
        return NOT_ITS
    return AHEAD if _number(record) > time.time_ns() // 1000 + AHEAD_US else None


def _number(record: ConsumerRecord) -> int:
    """Of its publication; of a record without one, the time it was written."""
    number = dict(record.headers).get(NUMBER, b"")
    return int(number) if number.isdigit() and len(number) <= len(str(2**63)) else max(0, record.timestamp) * 1000


def _hash(value: bytes) -> str:
    return PREFIX + sha256(value).hexdigest()


def _compiled(value: bytes) -> Bundle:
    """Raises ValueError with one line that says why it cannot be used."""
    try:
        return compile_bundle(orjson.loads(value))
    except HandrailError as error:
        why = str(error)
    except Exception as error:  # any client may have written it: no error of it stops the worker
        why = f"{type(error).__name__}: {error}"
    raise ValueError(" ".join(why.split())[:WHY_MAX])
