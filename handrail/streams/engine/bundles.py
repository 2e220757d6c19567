"""The policy bundles on `governance.policies.v1`: the newest one is the one that decides."""

import asyncio
from collections.abc import Mapping

import orjson
from aiokafka import ConsumerRecord, TopicPartition

from handrail.policies import Bundle, compile_bundle
from handrail.policies.keys import Trusted, trusted
from handrail.schemas.canonical import canonical
from handrail.schemas.errors import EngineError, HandrailError
from handrail.schemas.keys import PublicKey, SigningKey
from handrail.schemas.signature import ruleset_vouched, sign_ruleset
from handrail.schemas.topics import POLICIES
from handrail.streams.engine.ends import ends
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import reading

VOUCHED = "handrail-signature"
"""The header of a published bundle that says who vouches for it."""


class Bundles:
    """All bundles that were published, compiled. `refresh` reads what has come since the last time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._found: dict[str, Bundle] = {}
        self._vouched: dict[str, bytes] = {}  # who vouches for each, the newest last
        self._next = 0
        self._one_reader = asyncio.Lock()  # the order of the topic says which one is the newest
        self.newest = ""

    @property
    def known(self) -> Mapping[str, Bundle]:
        """Bundles by their ruleset; the same mapping always, so that a fold sees what a refresh brings."""
        return self._found

    async def refresh(self) -> None:
        """Read the topic to its end. Raises EngineError where a bundle there cannot be used."""
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

    @property
    def vouched(self) -> bool:
        """Whether somebody vouches for the newest one."""
        return bool(self._vouched.get(self.newest))

    def newest_for(self, keys: Mapping[str, Trusted]) -> str:
        """The newest bundle that one of these keys vouches for; where there is no key, the newest one. May be empty."""
        may = trusted(keys, "controls")
        if not keys:
            return self.newest
        return next((name for name, header in reversed(self._vouched.items()) if _holds(header, name, may)), "")

    async def publish(self, producer: Producer, bundle: Bundle, key: SigningKey | None = None) -> bool:
        """Make `bundle` the newest, vouched for with `key`; False where it is already."""
        vouched = sign_ruleset(key, bundle.ruleset) if key is not None else b""
        if self.newest == bundle.ruleset and self._vouched[bundle.ruleset] == vouched:
            return False
        headers = ((VOUCHED, vouched),) if vouched else ()
        await producer.write(POLICIES, 0, [Row(bundle.ruleset.encode(), canonical(bundle.document), headers)])
        self._found[bundle.ruleset] = bundle
        self._make_newest(bundle.ruleset, vouched)
        return True

    def _take(self, record: ConsumerRecord) -> None:
        named = (record.key or b"").decode(errors="replace")
        if record.value is None:  # withdrawn: what it decided stays explained for whoever has it
            return
        if named not in self._found:
            self._found[named] = _compiled(record.offset, named, record.value)
        self._make_newest(named, dict(record.headers).get(VOUCHED, b""))

    def _make_newest(self, ruleset: str, vouched: bytes) -> None:
        self._vouched.pop(ruleset, None)
        self._vouched[ruleset] = vouched
        self.newest = ruleset


def _holds(header: bytes, ruleset: str, keys: Mapping[str, PublicKey]) -> bool:
    return bool(header) and ruleset_vouched(header, ruleset, keys)


def _compiled(offset: int, named: str, value: bytes) -> Bundle:
    where = f"{POLICIES}[0] offset {offset}"
    try:
        bundle = compile_bundle(orjson.loads(value))
    except (HandrailError, orjson.JSONDecodeError, TypeError, AttributeError) as error:
        raise EngineError(f"{where}: {error}: run the Handrail version that published it, or publish again") from error
    if bundle.ruleset != named:
        raise EngineError(f"{where}: the key is {named}, the bundle's hash {bundle.ruleset}: publish it again")
    return bundle
