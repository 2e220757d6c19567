"""The client's digest of a call is the governor's, for every name and argument."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handrail.client.call import ProposedCall, digest_of
from handrail.client.event import EventContext
from handrail.schemas.errors import SchemaError
from tests.log import Log

names = st.text(min_size=1, max_size=30)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(tool=names, arguments=st.dictionaries(st.text(max_size=8), values, max_size=4), tenant=names)
def test_the_digest_is_that_of_the_decision(tool: str, arguments: dict[str, Any], tenant: str) -> None:
    voice = EventContext("refunds", "conv-1", "conv-1/1", "/agents/refunds", tenant)
    data = {"action_id": "a1", "tool": tool, "arguments": arguments}
    try:
        event = voice.event("action.proposed", data)
    except SchemaError:  # what the contract refuses gets no decision
        return
    log = Log()
    log.raw(b"conv-1", event.value)
    (decision,) = log.fold().decisions
    call = ProposedCall("a1", event.data["tool"], event.data["arguments"])
    assert digest_of(call, event, tenant) == decision["action_digest"]
