"""The policy bundles on `governance.policies.v1`: the newest one is the one that decides."""

import asyncio
from collections.abc import Mapping

import orjson
from aiokafka import TopicPartition

from handrail.policies import Bundle, compile_bundle
from handrail.schemas.canonical import canonical
from handrail.schemas.errors import EngineError, HandrailError
from handrail.schemas.topics import POLICIES
from handrail.streams.engine.ends import ends
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import reading


class Bundles:
    """All bundles that were published, compiled. `refresh` reads what has come since the last time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._found: dict[str, Bundle] = {}
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
                        self._take(record.offset, record.key, record.value)
            self._next = end

    async def publish(self, producer: Producer, bundle: Bundle) -> bool:
        """Make `bundle` the newest; False where it is already."""
        if self.newest == bundle.ruleset:
            return False
        await producer.write(POLICIES, 0, [Row(bundle.ruleset.encode(), canonical(bundle.document))])
        self._found[bundle.ruleset] = bundle
        self.newest = bundle.ruleset
        return True

    def _take(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        named = (key or b"").decode(errors="replace")
        if value is None:  # withdrawn: what it decided stays explained for whoever has it
            return
        if named not in self._found:
            self._found[named] = _compiled(offset, named, value)
        self.newest = named


def _compiled(offset: int, named: str, value: bytes) -> Bundle:
    where = f"{POLICIES}[0] offset {offset}"
    try:
        bundle = compile_bundle(orjson.loads(value))
    except (HandrailError, orjson.JSONDecodeError, TypeError, AttributeError) as error:
        raise EngineError(f"{where}: {error}: run the Handrail version that published it, or publish again") from error
    if bundle.ruleset != named:
        raise EngineError(f"{where}: the key is {named}, the bundle's hash {bundle.ruleset}: publish it again")
    return bundle
