"""What a handoff carries."""

from tests.bundles import refunds
from tests.log import Log

CUSTOMER = {"ref": "cust-17", "tier": "gold", "account": {"orders": 3, "card_number": "4111"}}


def story() -> Log:
    """A customer, two attempts, and a refund that is too high."""
    log = Log()
    log.event("execution.started", goal="refund", channel="chat")
    log.query("My TV arrived broken, I want $900 back", customer=CUSTOMER, locale="en")
    log.does("get_order", result={"total": 900}, order_id="#1")
    log.event("message.sent", role="assistant", text="I see your order.")
    log.proposes("refund", "a9", amount=900, password="hunter2")
    return log


def test_a_blocked_refund_is_handed_off_with_everything_known() -> None:
    handoff = story().fold(refunds()).handoffs[0]
    assert handoff["kind"] == "escalation"
    assert handoff["completeness"] == {"score": 1.0, "missing": []}
    assert handoff["problem"]["text"] == "My TV arrived broken, I want $900 back"
    assert [(row["tool"], row["verdict"], row["status"]) for row in handoff["attempts"]] == [
        ("get_order", "allow", "ok"),
        ("refund", "block", None),
    ]
    assert handoff["attempts"][0]["result"] == {"total": 900}
    assert [line["role"] for line in handoff["transcript"]] == ["customer", "assistant"]
    assert (handoff["goal"], handoff["channel"], handoff["locale"]) == ("refund", "chat", "en")
    assert handoff["said_to_customer"] == ["I see your order."]
    assert handoff["log"]["first_offset"] == 0
    assert handoff["log"]["last_offset"] == 5
    assert [reason["rule_id"] for reason in handoff["reasons"]] == ["too-high", "needs-approval"]


def test_secrets_are_taken_out_and_named() -> None:
    handoff = story().fold(refunds()).handoffs[0]
    assert handoff["customer"]["account"] == {"orders": 3, "card_number": "[redacted]"}
    assert handoff["attempts"][1]["arguments"]["password"] == "[redacted]"
    assert handoff["redacted"] == ["attempts[1].arguments.password", "customer.account.card_number"]


def test_what_is_missing_is_named_and_raises_an_alert() -> None:
    log = Log()
    log.proposes("refund", amount=900)
    outcome = log.fold(refunds())
    assert outcome.handoffs[0]["completeness"]["missing"] == [
        "problem.text",
        "customer.ref",
        "classification",
        "transcript",
    ]
    assert [alert["kind"] for alert in outcome.of("alert")] == ["completeness"]


def test_beyond_twenty_attempts_the_older_keep_tool_verdict_status_and_offset() -> None:
    log = Log()
    for number in range(30):
        log.does("get_order", order_id=number, result=number)
    log.event("human.requested")
    attempts = log.fold().handoffs[0]["attempts"]
    assert len(attempts) == 30
    assert set(attempts[0]) == {"step", "action_id", "tool", "verdict", "status", "offset"}
    assert attempts[-1]["result"] == 29


def test_long_arguments_and_results_are_cut_with_their_digest() -> None:
    log = Log()
    log.does("get_order", order_id="x" * 1000, result="y" * 1000)
    log.event("human.requested")
    row = log.fold().handoffs[0]["attempts"][0]
    assert row["arguments"]["bytes"] > 1000
    assert len(row["arguments"]["sha256"]) == 64
    assert len(row["result"]["cut"]) == 256


def test_one_open_handoff_for_each_reason_and_the_later_names_the_earlier() -> None:
    log = story()
    log.proposes("refund", "a10", amount=901)
    log.event("human.requested")
    handoffs = [handoff for handoff in log.fold(refunds()).handoffs if handoff["revision"] == 1]
    assert len(handoffs) == 2
    assert handoffs[1]["follows"] == handoffs[0]["handoff_id"]


def test_a_handoff_is_sent_again_when_the_customer_has_gone() -> None:
    log = story()
    log.event("execution.ended", outcome="abandoned")
    first, second = log.fold(refunds()).handoffs
    assert second["handoff_id"] == first["handoff_id"]
    assert (first["revision"], second["revision"]) == (1, 2)
    assert second["outcome"] == "abandoned"


def test_a_huge_conversation_makes_a_handoff_below_900_kilobytes() -> None:
    import orjson

    log = Log()
    for number in range(400):
        log.event("message.sent", role="assistant", text=f"{number} " + "ä" * 5000, response_id=f"r{number}")
        log.proposes("get_order", order_id=number, note="z" * 1000)
    log.event("human.requested")
    handoff = next(revision for revision in reversed(log.fold(batch=50).handoffs) if "since" not in revision)
    assert len(orjson.dumps(handoff)) < 900_000
    assert handoff["transcript_truncated"] is True


def private_story() -> Log:
    """A customer who says too much, an agent that repeats it, and a refund that waits."""
    log = Log()
    customer = {"ref": "a@b.co", "contact": "+1 415 555 2671", "account": {"mail": "a@b.co", "orders": 3}}
    log.event("execution.started", goal="help a@b.co", channel="sms:+14155552671")
    log.query("card 4111 1111 1111 1111, mail a@b.co, order #W1234567, $300 back", customer=customer)
    log.does("get_user", result={"email": "a@b.co", "phone": 4155552671}, email="a@b.co")
    log.event("message.sent", role="assistant", text="I wrote to a@b.co.")
    log.proposes("refund", "a9", amount=300, note="to 4111111111111111", order_id="#W1234567")
    return log


def test_what_a_value_shows_to_be_private_is_marked_and_named_with_its_kind() -> None:
    (handoff,) = private_story().fold(refunds()).handoffs
    assert handoff["problem"]["text"] == "card [card …1111], mail [email], order #W1234567, $300 back"
    assert handoff["problem"]["text"] in handoff["problem"]["summary"]
    assert handoff["customer"] == {
        "ref": "a@b.co", "contact": "[phone]", "account": {"mail": "[email]", "orders": 3}
    }  # fmt: skip
    assert (handoff["contact"], handoff["goal"], handoff["channel"]) == ("[phone]", "help [email]", "sms:[phone]")
    assert handoff["attempts"][0]["result"] == {"email": "[email]", "phone": "[phone]"}
    assert handoff["said_to_customer"] == ["I wrote to [email]."]
    assert handoff["pending"]["arguments"] == {"amount": 300, "note": "to [card …1111]", "order_id": "#W1234567"}
    assert {row["path"]: row["kinds"] for row in handoff["redactions"]} == {
        "attempts[0].arguments.email": ["email"],
        "attempts[0].result.email": ["email"],
        "attempts[0].result.phone": ["phone"],
        "channel": ["phone"],
        "contact": ["phone"],
        "customer.account.mail": ["email"],
        "customer.contact": ["phone"],
        "goal": ["email"],
        "pending.arguments.note": ["card"],
        "problem.text": ["card", "email"],
        "transcript[0].text": ["card", "email"],
        "transcript[1].text": ["email"],
    }
    assert handoff["redacted"] == [row["path"] for row in handoff["redactions"]]


def test_the_digest_is_of_the_real_arguments_and_what_is_released_is_what_was_proposed() -> None:
    log = private_story()
    (handoff,) = log.fold(refunds()).handoffs
    log.resolves(handoff, "approved", action_digest=handoff["pending"]["action_digest"])
    decisions = log.fold(refunds()).decisions
    assert decisions[-1]["kind"] == "release"
    assert decisions[-1]["verdict"] == "allow"
    assert decisions[-1]["action_digest"] == decisions[-2]["action_digest"] == handoff["pending"]["action_digest"]


def test_a_long_value_is_not_cut_through_a_card() -> None:
    log = Log()
    for length in range(225, 250):
        log.does("get_order", result="x" * length + " 4111 1111 1111 1111 end " + "y" * 100, order_id=length)
    log.event("human.requested")
    for row in log.fold().handoffs[0]["attempts"][-20:]:
        assert "4111" not in row["result"]["cut"]


def test_alerts_say_nothing_private_either() -> None:
    log = Log()
    log.event("llm.completed", model={"provider": "p", "name": "a@b.co"}, usage={"input_tokens": 1, "output_tokens": 1})
    (alert,) = log.fold().of("alert")
    assert (alert["message"], alert["evidence"]["model"]) == ("no price for model [email]", "[email]")
    assert [row["path"] for row in alert["redactions"]] == ["evidence.model", "message"]
