"""A seeded log, written beside the fold that judges it: the oracle, which is never stopped."""

import random
from dataclasses import dataclass

import orjson

from handrail.policies import Bundle
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, HANDOFFS
from handrail.streams.engine import controls
from handrail.streams.governor.partition import PartitionFold
from tests.bundles import REFUNDS, TWO_PEOPLE, bundle
from tests.crash.simulation.cluster import Line, told
from tests.crash.simulation.view import Remembered, View
from tests.log import Log

PARTITIONS = 4
HOURS = 3600


def _named(right: bool, count: int) -> list[str]:
    """Conversations that belong to partition 0, or do not."""
    names = (f"conv-{number}" for number in range(1000))
    found = [name for name in names if (partition_of(name.encode(), PARTITIONS) == 0) is right]
    return found[:count]


CONVERSATIONS, STRANGER = _named(True, 3), _named(False, 1)[0]


def bundles() -> list[Bundle]:
    """Two bundles that answer differently: the second asks two people, not one, and remembers longer."""
    limits = "memory: {{idle_s: {}}}".format
    return [
        bundle(refunds=REFUNDS, limits=limits(48 * HOURS)),
        bundle(refunds=TWO_PEOPLE, limits=limits(72 * HOURS)),
    ]


class Oracle:
    """What the fold that is never stopped makes of each record."""

    def __init__(self) -> None:
        self.outputs: set[Line] = set()
        self._due: list[frozenset[Line]] = []
        self.remembered: list[Remembered] = []
        self._views: dict[int, View] = {}

    def take(self, outputs: list[Line], remembered: Remembered) -> None:
        """One more record."""
        self.outputs.update(outputs)
        self._due.append(frozenset(self.outputs))
        self.remembered.append(remembered)

    def due(self, position: int) -> frozenset[Line]:
        """What has to be on the topics when all records up to `position` are delivered."""
        return self._due[position] if position >= 0 else frozenset()

    def view(self, position: int) -> View:
        """What is remembered then."""
        if position not in self._views:
            self._views[position] = self.remembered[position].view()
        return self._views[position]


@dataclass(frozen=True, slots=True)
class Schedule:
    """One seeded log with what the fold says of it."""

    seed: int
    records: list[Record]
    oracle: Oracle


class Writer:
    """Writes a log; every record is folded at once, so that humans can answer what came out."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.log = Log()
        known = bundles()
        self.rulesets = [one.ruleset for one in known]
        self.fold = PartitionFold(0, PARTITIONS, {one.ruleset: one for one in known})
        self.oracle = Oracle()
        self.open: dict[str, dict[str, object]] = {}
        self.folded = 0

    def write(self, length: int) -> None:
        """At least so many records."""
        if self.dice.random() < 0.9:
            self.activate(0)
        while len(self.log.records) < length:
            self.log.conversation = self.dice.choice(CONVERSATIONS)
            self.turn()
            self.follow()

    def activate(self, which: int) -> None:
        """A bundle decides from here on."""
        self.log.control("policies.activated", ruleset=self.rulesets[which], issuer="/handrail/worker")

    def turn(self) -> None:  # noqa: C901
        """One thing that happens."""
        log, dice = self.log, self.dice
        match dice.choices(KINDS, WEIGHTS)[0]:
            case "refund":
                log.proposes("refund", amount=dice.choice((50, 300, 300, 900)))
            case "look":
                log.does("get_order", order_id=dice.randrange(2), result=dice.randrange(2))
            case "query":
                log.query(dice.choice(("Where is my parcel?", "I want to talk to a human")))
            case "spend":
                log.spends(dice.choice(("0.5", "6")))
            case "customer":
                log.event("message.sent", role="assistant", text="Soon.", customer={"ref": f"c{dice.randrange(9)}"})
            case "end":
                log.event("execution.ended", outcome="resolved")
            case "resolve" if self.open:
                handoff = dice.choice(list(self.open.values()))
                log.resolves(
                    handoff,
                    dice.choice(("approved", "approved", "denied", "resolved", "returned")),
                    f"d{dice.randrange(2)}",
                )
            case "tick":
                log.wait(dice.choice((1, HOURS))).control("tick")
            case "day":
                self.day()
            case "idle":
                log.wait(dice.choice((47, 49, 73, 31 * 24)) * HOURS)
                if dice.random() < 0.7:
                    log.control("tick")
            case "room":
                before_ms = log.now_ms - dice.choice((0, 2, 30, 60)) * HOURS * 1000
                log.control(
                    "memory",
                    before_ms=before_ms,
                    full=dice.random() < 0.5,
                    remembered=9,
                    leaving=1,
                    conversations_max=9,
                )
            case "activate":
                self.activate(dice.randrange(2))
            case "mode":
                mode = dice.choice(("ai", "supervised", "human"))
                log.control("agent.mode", agent_id="refunds", mode=mode, reason="r", by="ops", issuer="/ops")
            case "repeat" if log.records:
                old = dice.choice(log.records)
                log.raw(old.key, old.value)
            case "conflict" if log.records:
                old = dice.choice(log.records)
                log.raw(
                    old.key,
                    (old.value or b"").replace(b"Where is", b"Where was").replace(b'"amount": 300', b'"amount": 301'),
                )
            case "junk":
                log.raw(log.conversation.encode(), b'{"broken')
            case "stranger":
                log.event("query.received", conversation=STRANGER, text="Hello?")

    def day(self) -> None:
        """Everything is answered and ended; a day later it is forgotten, and sometimes one comes back at once."""
        log, dice = self.log, self.dice
        for name in dice.sample(CONVERSATIONS, dice.randrange(1, 3)):
            log.conversation = name
            self.follow()
            for handoff in [one for one in self.open.values() if one["conversation_id"] == name]:
                log.resolves(handoff, "returned")
            log.event("execution.ended", outcome="resolved")
        log.wait(dice.choice((23, 25, 25)) * HOURS)
        if dice.random() < 0.5:
            log.control("tick")

    def follow(self) -> None:
        """Fold what is new."""
        records = self.log.records
        while self.folded < len(records):
            folded = self.fold.fold([records[self.folded]])
            self.folded += 1
            lines: list[Line] = [(output.topic, output.key, output.value, output.headers) for output in folded.outputs]
            for seen in folded.supervisions:
                said = told(orjson.dumps(controls.supervised(seen, 0, 0)))
                lines += [(AGENT_EVENTS, b"%d" % number, said, ()) for number in range(1, PARTITIONS)]
            self.oracle.take(lines, Remembered.of(self.fold))
            for one in folded.outputs:
                if one.topic == HANDOFFS:
                    data = orjson.loads(one.value)["data"]
                    self.open[data["handoff_id"]] = data
                    if "cause" in data:
                        del self.open[data["handoff_id"]]


MIX = {
    "refund": 5, "look": 3, "query": 3, "spend": 1, "customer": 1, "end": 2, "resolve": 4, "tick": 2, "day": 3,
    "idle": 2, "room": 1, "activate": 1, "mode": 1, "repeat": 2, "conflict": 1, "junk": 1, "stranger": 1,
}  # fmt: skip
KINDS, WEIGHTS = list(MIX), list(MIX.values())


def schedule(seed: int, shortest: int = 8, longest: int = 16) -> Schedule:
    """The log of this seed, and what must come of it."""
    writer = Writer(seed)
    writer.write(writer.dice.randint(shortest, longest))
    return Schedule(seed, writer.log.records, writer.oracle)
