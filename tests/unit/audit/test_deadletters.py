"""What a dead letter says of its record, also where somebody else wrote its headers."""

from aiokafka import ConsumerRecord

from handrail.audit.deadletters import DeadLetter
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS
from handrail.streams.governor.deadletters import letter


def written(record: Record) -> DeadLetter:
    """The letter of a record, as it is read from its topic."""
    dead_letter = letter(record, "no good", 1_764_000_000_000)
    return DeadLetter.of(consumed(dead_letter.value, dead_letter.headers), with_value=True)


def consumed(value: bytes, headers: tuple[tuple[str, bytes | None], ...]) -> ConsumerRecord:
    return ConsumerRecord(DEADLETTERS, 1, 7, 5, 0, b"k", value, None, 0, len(value), headers)


def record(*headers: tuple[str, bytes]) -> Record:
    return Record(AGENT_EVENTS, 2, 17, 1, b"conv-1", b"{", headers)


def test_it_has_the_headers_of_its_record_beside_its_own() -> None:
    dead_letter = written(record(("traceparent", b"00-4b"), ("twice", b"1"), ("twice", b"2")))
    assert dead_letter.sent[-3:] == (("traceparent", b"00-4b"), ("twice", b"1"), ("twice", b"2"))
    assert (dead_letter.origin, dead_letter.first_place) == ("agent.events.v1[2] offset 17", "agent.events.v1[2]@17")


def test_a_record_cannot_speak_for_its_dead_letter() -> None:
    lies = ("topic", b"human.handoffs.v1"), ("reason", b"all is well"), ("redriven-to", b"elsewhere"), ("null", b"true")
    dead_letter = written(record(*((f"handrail-{name}", value) for name, value in lies)))
    assert (dead_letter.header("topic"), dead_letter.header("reason"), dead_letter.is_note) == (
        AGENT_EVENTS,
        "no good",
        False,
    )
    assert "handrail-null" not in dead_letter.headers


def test_a_redriven_record_that_is_refused_again_names_its_first_place() -> None:
    before = ("handrail-redriven-from", b"x[0]@1"), ("handrail-first-place", b"agent.events.v1[3]@4")
    assert written(record(*before)).first_place == "agent.events.v1[3]@4"


def test_a_record_without_a_value_is_told_from_one_with_an_empty_value() -> None:
    assert written(Record(AGENT_EVENTS, 2, 17, 1, None, None)).headers["handrail-null"] == b"true"
    assert "handrail-null" not in written(Record(AGENT_EVENTS, 2, 17, 1, None, b"")).headers


def test_headers_without_a_value_or_without_sense_are_shown_as_nothing() -> None:
    dead_letter = DeadLetter.of(
        consumed(b"", (("handrail-reason", None), ("handrail-partition", b"\xff"))), with_value=False
    )
    assert (dead_letter.header("reason"), dead_letter.header("partition"), dead_letter.noted) == ("", "\\xff", None)
    assert dead_letter.plain()["from"]["partition"] == "\\xff"
