"""The fetches of one partition in the order of its log: what is dropped on the way is read again."""

from faust.types import TP

from handrail.schemas.errors import EngineError
from handrail.streams.engine.consumer import BatchConsumer
from handrail.streams.engine.fetch import Fetch


class FetchOrder:
    """Reading begins at `expected`, whatever Faust had fetched or dropped before, and goes on behind what was taken.

    Offsets may leave numbers out (compaction, markers of transactions), so what is missing is believed to be so when
    reading from there gives nothing in between.
    """

    def __init__(self, consumer: BatchConsumer, tp: TP, expected: int) -> None:
        self._consumer, self._tp = consumer, tp
        self.expected, self._fresh = expected, True
        self.epoch = consumer.rewind(tp, expected)

    def accepts(self, fetch: Fetch) -> bool:
        """Whether no record is missing before this fetch; if one is, the partition is read again from there.

        Raises EngineError where the log ran back: it ends before what was taken of it.
        """
        if fetch.epoch < self.epoch:
            return False
        if fetch.records[0].offset < self.expected:
            self._check_end(fetch)
        if fetch.records[0].offset > self.expected and not self._fresh:
            self.epoch, self._fresh = self._consumer.rewind(self._tp, self.expected), True
            return False
        self._fresh = False
        return True

    def _check_end(self, fetch: Fetch) -> None:
        """Faust may read again what was committed; where there is no more than that, aiokafka began anew."""
        end = self._consumer.end(self._tp)
        if end is not None and end < self.expected and fetch.records[-1].offset < self.expected:
            raise EngineError(
                f"{self._tp.topic}[{self._tp.partition}]: ran back: ends at offset {end}, and was read up to "
                f"{self.expected}: it was made again, or has lost records; nothing is decided on what was remembered"
            )
