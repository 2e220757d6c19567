"""A decision's envelope, which is joined from bytes, is the one that all other outputs have."""

import orjson
import pytest

from handrail.streams.governor.outgoing import enveloped, record_of


@pytest.mark.parametrize("traceparent", [None, "00-4bf92f-00f067-01", 'a "quoted" \\ one\n'])
@pytest.mark.parametrize("subject", ["conv-1", 'it\'s "é" \\ 😀', "\u2028"])
def test_an_envelope_is_joined_as_it_is_written(subject: str, traceparent: str | None) -> None:
    data = {"verdict": "allow", "reasons": [], "text": "é"}
    names = ("handrail.decision.v1", "0a" * 32)
    written = record_of("topic", *names, subject, 1_764_000_000_123, data, traceparent)
    joined = enveloped(*names, orjson.dumps(subject), 1_764_000_000_123, orjson.dumps(data), traceparent)
    assert joined == written.value
