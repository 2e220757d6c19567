"""A colleague answers by themself, without any handoff: the AI must not speak over them until they give it back."""

import pytest

from handrail.policies import load_bundle
from tests.bundles import bundle, refunds
from tests.log import Log


def jumped(text: str = "Hi, Kim here, I take this over.") -> Log:
    log = Log()
    log.query("My kettle is broken.")
    log.event("message.sent", role="human_agent", text=text)
    return log


def test_the_ai_does_not_speak_over_a_person() -> None:
    log = jumped()
    log.query("Thank you Kim! To which address?")
    log.answers("I am sorry, I cannot find any kettle.")
    log.proposes("refund", amount=5)
    log.proposes("get_order")
    outcome = log.fold(refunds())
    assert [one["route"] for one in outcome.decisions[:2]] == ["ai", "human"]
    assert outcome.verdicts == ["allow", "block", "block", "block", "allow"]
    assert outcome.codes(2) == ["owner.human"]


def test_a_handoff_is_there_to_give_it_back() -> None:
    log = jumped()
    (handoff,) = log.fold().handoffs
    assert (handoff["kind"], handoff["reason"]["code"]) == ("escalation", "owner.human")
    log.resolves(handoff, "returned", "kim")
    log.answers("I am back and will help you now.")
    assert log.fold().verdicts == ["allow", "allow"]


def test_further_words_open_nothing_more() -> None:
    log = jumped()
    log.event("message.sent", role="human_agent", text="A new kettle is on its way.")
    assert len({one["handoff_id"] for one in log.fold().handoffs}) == 1


def test_the_last_word_after_it_was_resolved_opens_nothing() -> None:
    log = jumped()
    (handoff,) = log.fold().handoffs
    log.resolves(handoff, "resolved", "kim")
    log.event("message.sent", role="human_agent", text="Goodbye!")
    assert len({one["handoff_id"] for one in log.fold().handoffs}) == 1


@pytest.mark.parametrize("sources", [None, "[/crm]"])
def test_it_needs_no_setting(sources: str | None) -> None:
    """To stop the AI anybody's word is enough; only what lets it go on has to come from a source that is named."""
    rules = load_bundle(None) if sources is None else bundle(agents=f"human_sources: {sources}\n")
    log = jumped()
    log.answers("I am sorry, I cannot find any kettle.")
    assert log.fold(rules).verdicts == ["allow", "block"]


def test_the_assistants_own_messages_change_nothing() -> None:
    log = Log()
    log.event("message.sent", role="assistant", text="Hello, how can I help?")
    log.answers("I am sorry, I cannot find any kettle.")
    assert log.fold().verdicts == ["allow"]
