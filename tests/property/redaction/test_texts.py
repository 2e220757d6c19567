"""Redaction of any text: nothing found is left, nothing else is touched, and time grows with length alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.governor.redaction import cut, redact_text
from handrail.streams.governor.redaction.cards import is_card
from handrail.streams.governor.redaction.text import spans
from handrail.streams.governor.redaction.view import view

SECRETS = ("4111 1111 1111 1111", "a.b@example.org", "DE89370400440532013000", "+1 415 555 2671", "sk-" + "a1" * 20)
AROUND = st.text(st.sampled_from("ab Z.,;:\n—é漢0"), max_size=20)
LIKELY = st.text(st.sampled_from("0123456789 -+()@.ab/=:\"'\\pasword"), max_size=200)


@given(st.text())
def test_a_view_has_a_byte_for_each_character(text: str) -> None:
    assert len(view(text)) == len(text)


@given(LIKELY | st.text(max_size=200))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact_text(text).text
    assert redact_text(once) == (once, ())


@given(LIKELY)
def test_spans_are_apart_in_order_and_within_the_text(text: str) -> None:
    at = 0
    for span in spans(view(text)):
        assert at <= span.start < span.end <= len(text)
        at = span.end


@given(AROUND, st.sampled_from(SECRETS), AROUND)
def test_a_secret_set_apart_by_spaces_is_found_wherever_it_stands(before: str, secret: str, after: str) -> None:
    before, after = before.replace("0", ""), after.replace("0", "")
    assert secret not in redact_text(f"{before} {secret} {after}").text


@given(st.text(st.sampled_from("0123456789"), min_size=14, max_size=14))
def test_luhn_takes_one_last_digit_of_ten(start: str) -> None:
    assert sum(is_card(f"4{start}{last}") for last in range(10)) == 1


@given(st.text(max_size=60), st.integers(0, 60))
def test_a_cut_is_a_start_of_the_text_and_no_longer_than_asked(text: str, length: int) -> None:
    start = cut(text, length)
    assert text.startswith(start)
    assert len(start) <= length or len(text) <= length


@pytest.mark.parametrize(
    "piece",
    ["1 ", "1", "a@", "+1 ", "4111 ", "DE89 ", "password: ", "eyJ", "-----BEGIN PRIVATE KEY", "a@b.co ", "0171-"],
)
def test_ten_times_as_long_takes_about_ten_times_as_long(piece: str) -> None:
    def seconds(length: int) -> float:
        """The least of three: a collection of garbage in between is not what is measured."""
        text, took = (piece * length)[:length], list[float]()
        for _ in range(3):
            started = time.process_time()
            redact_text(text)
            took.append(time.process_time() - started)
        return min(took)

    assert seconds(300_000) < 40 * max(seconds(30_000), 0.002)
