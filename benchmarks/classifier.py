"""How well the built-in lexicon classifies queries that other people collected.

    python benchmarks/classifier.py [DATA] [--tuned]

DATA is a folder with banking77, nlupp, clinc150 and bitext_cs (default: ../shared/data beside the checkout). Every text
belongs to one of two halves by its hash: words and points were chosen by reading the one (`--tuned` prints it), the
figures are those of the other.
"""

import argparse
import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from handrail.policies import load_bundle
from handrail.streams.governor.classify import Classification, Lexicon, classify, compile_lexicon

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TUNED, HELD_OUT = 0, 1
HUMAN_TOPICS = frozenset({"fraud", "disputes", "account_security"})
"""The topics that the built-in routing file sends to a human."""

CLINC_SAME = frozenset({"report_fraud", "report_lost_card", "freeze_account", "account_blocked"})
"""Intents of CLINC150 that are about what our human topics are about, so that a human is no false alarm."""

BITEXT_TOPICS = {
    "cancel_order": "orders",
    "change_order": "orders",
    "place_order": "orders",
    "track_order": "orders",
    "change_shipping_address": "delivery",
    "set_up_shipping_address": "delivery",
    "delivery_options": "delivery",
    "delivery_period": "delivery",
    "check_cancellation_fee": "payments",
    "check_invoice": "payments",
    "get_invoice": "payments",
    "check_payment_methods": "payments",
    "payment_issue": "payments",
    "check_refund_policy": "refunds",
    "get_refund": "refunds",
    "track_refund": "refunds",
    "create_account": "account",
    "delete_account": "account",
    "edit_account": "account",
    "switch_account": "account",
    "recover_password": "account",
    "registration_problems": "account",
    "newsletter_subscription": "account",
    "complaint": "complaints",
    "review": "feedback",
}


class Row(NamedTuple):
    """One measure: `hits` of `of` texts."""

    data: str
    measure: str
    hits: int
    of: int

    @property
    def share(self) -> float:
        """Hits by texts; 0 where there is none."""
        return self.hits / self.of if self.of else 0.0


class Judged(NamedTuple):
    """A text with its label, or labels, and what the lexicon makes of it."""

    text: str
    labels: frozenset[str]
    classification: Classification

    @property
    def to_human(self) -> bool:
        """Whether the built-in routes send it to a human."""
        return self.classification.wants_human or self.classification.topic in HUMAN_TOPICS


def half(text: str) -> int:
    """Which half a text belongs to, the same on every machine."""
    return hashlib.sha256(text.encode()).digest()[0] & 1


def judged(lexicon: Lexicon, texts: Iterable[tuple[str, Iterable[str]]], part: int) -> list[Judged]:
    """The texts of one half, classified."""
    return [Judged(text, frozenset(labels), classify(lexicon, text)) for text, labels in texts if half(text) == part]


def banking77(data: Path) -> Iterator[tuple[str, list[str]]]:
    with (data / "banking77/train.csv").open(encoding="utf-8") as file:
        yield from ((row["text"], [row["category"]]) for row in csv.DictReader(file))


def nlupp(data: Path) -> Iterator[tuple[str, list[str]]]:
    for path in sorted((data / "nlupp/banking").glob("fold*.json")):
        yield from ((row["text"], row.get("intents", [])) for row in json.loads(path.read_text("utf-8")))


def clinc150(data: Path) -> Iterator[tuple[str, list[str]]]:
    parts = json.loads(gzip.decompress((data / "clinc150/data_full_A.json.gz").read_bytes()))
    yield from ((text, [label]) for name in sorted(parts) for text, label in parts[name])


def bitext(data: Path) -> Iterator[tuple[str, list[str]]]:
    for name in ("train", "dev"):
        with (data / f"bitext_cs/{name}.csv").open(encoding="utf-8") as file:
            yield from ((row["utterance"], [row["intent"]]) for row in csv.DictReader(file))


def measure(data: Path, part: int) -> list[Row]:
    """Every measure on one half of the data."""
    lexicon = compile_lexicon(load_bundle(None).lexicon)
    must = frozenset(json.loads((data / "banking77/must_human_intents.json").read_text()))
    return [
        *_banking(judged(lexicon, banking77(data), part), must),
        *_wants_human(judged(lexicon, nlupp(data), part)),
        *_clinc(judged(lexicon, clinc150(data), part)),
        *_bitext(judged(lexicon, bitext(data), part)),
    ]


def _row(data: str, name: str, hits: Iterable[bool]) -> Row:
    listed = list(hits)
    return Row(data, name, sum(listed), len(listed))


def _banking(rows: list[Judged], must: frozenset[str]) -> Iterator[Row]:
    wanted = [row for row in rows if row.labels & must]
    others = [row for row in rows if not row.labels & must]
    yield _row("banking77", "must reach a human: do", (row.to_human for row in wanted))
    asks = [row for row in wanted if "request_refund" not in row.labels]
    yield _row("banking77", "... without request_refund", (row.to_human for row in asks))
    refunds = (row.to_human or row.classification.topic == "refunds" for row in wanted)
    yield _row("banking77", "... with a route for refunds", refunds)
    for intent in sorted(must):
        yield _row("banking77", f"    {intent}", (row.to_human for row in wanted if intent in row.labels))
    yield _row("banking77", "others: false alarms", (row.to_human for row in others))
    yield _row(
        "banking77",
        "... with a route for refunds",
        (row.to_human or row.classification.topic == "refunds" for row in others),
    )


def _wants_human(rows: list[Judged]) -> Iterator[Row]:
    asked = [row for row in rows if "handoff" in row.labels]
    yield _row("nlupp", "ask for a human: found", (row.classification.wants_human for row in asked))
    others = (row.classification.wants_human for row in rows if "handoff" not in row.labels)
    yield _row("nlupp", "others: false alarms", others)


def _clinc(rows: list[Judged]) -> Iterator[Row]:
    out = [row for row in rows if "oos" in row.labels]
    yield _row("clinc150", "out of scope: false alarms", (row.to_human for row in out))
    yield _row("clinc150", "out of scope: no intent found", (row.classification.intent is None for row in out))
    others = [row for row in rows if not row.labels & (CLINC_SAME | {"oos"})]
    yield _row("clinc150", "other intents: false alarms", (row.to_human for row in others))
    yield _row("clinc150", "other intents: wants_human", (row.classification.wants_human for row in others))
    fraud = (row.to_human for row in rows if row.labels & {"report_fraud", "report_lost_card"})
    yield _row("clinc150", "fraud or lost card: to a human", fraud)


def _bitext(rows: list[Judged]) -> Iterator[Row]:
    topics = [(row, BITEXT_TOPICS[label]) for row in rows for label in row.labels if label in BITEXT_TOPICS]
    yield _row("bitext_cs", "topic agrees", (row.classification.topic == topic for row, topic in topics))
    agents = (row.classification.wants_human for row in rows if "contact_human_agent" in row.labels)
    yield _row("bitext_cs", "contact_human_agent: found", agents)
    others = (row.classification.wants_human for row, _ in topics)
    yield _row("bitext_cs", "topics: false wants_human", others)


def speed(data: Path) -> float:
    """Microseconds for one query of banking77."""
    lexicon, texts = compile_lexicon(load_bundle(None).lexicon), [text for text, _ in banking77(data)]
    begin = perf_counter()
    for text in texts:
        classify(lexicon, text)
    return (perf_counter() - begin) / len(texts) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures of the built-in lexicon")
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--tuned", action="store_true", help="the half that the lexicon was tuned on")
    given = parser.parse_args()
    print(f"{'data':<10} {'measure':<38} {'hits':>5} {'of':>6} {'share':>7}")
    for row in measure(given.data, TUNED if given.tuned else HELD_OUT):
        print(f"{row.data:<10} {row.measure:<38} {row.hits:>5} {row.of:>6} {row.share:>7.1%}")
    print(f"{speed(given.data):.1f} us a query")


if __name__ == "__main__":
    main()
