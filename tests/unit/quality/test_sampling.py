"""Samples are the same for everybody, nested within a salt, and strangers to those of another."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.quality.sampling import JUDGE, SCORE, arm, place, sampled

IDS = [f"shop/{number}" for number in range(20_000)]


def test_a_place_is_the_first_53_bits_of_the_digest() -> None:
    digest = sha256(b"score|shop/1").hexdigest()
    assert place("shop/1", SCORE) == (int(digest[:16], 16) >> 11) / 2**53


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_contains_the_smaller_one(conversation_id: str, salt: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert not sampled(conversation_id, salt, small) or sampled(conversation_id, salt, large)
    assert 0 <= place(conversation_id, salt) < 1


def test_a_sample_of_5_per_cent_is_not_inside_a_share_of_20() -> None:
    judged = [one for one in IDS if sampled(one, JUDGE, 0.05)]
    inside = sum(sampled(one, arm("refunds"), 0.2) for one in judged)
    assert len(judged) / len(IDS) == pytest.approx(0.05, abs=0.005)
    assert inside / len(judged) == pytest.approx(0.2, abs=0.04)


def test_nothing_and_everything() -> None:
    assert not any(sampled(one, SCORE, 0.0) for one in IDS[:1000])
    assert all(sampled(one, SCORE, 1.0) for one in IDS[:1000])


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        sampled("a", SCORE, rate)
