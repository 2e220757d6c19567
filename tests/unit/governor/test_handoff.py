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
    assert handoff["redacted"] == ["arguments.password", "customer.account.card_number"]


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
    handoffs = log.fold(refunds()).handoffs
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
    handoff = log.fold(batch=50).handoffs[-1]
    assert len(orjson.dumps(handoff)) < 900_000
    assert handoff["transcript_truncated"] is True
