"""What errors are told apart by, without a broker; `tests/secured/test_errors.py` makes each of them with one."""

import ssl
from asyncio import IncompleteReadError

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from handrail.kafka.cluster import Cluster
from handrail.kafka.explain import explain, hides_why
from handrail.kafka.rights import Right, command

AT = Cluster("kafka-1:9093,kafka-2:9093")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there: is it running"),
        (TimeoutError(), "no answer: is it running"),
        (
            caused(KafkaConnectionError("closed"), IncompleteReadError(b"", 0x15030300)),
            "it speaks TLS at this port: set kafka_security_protocol SSL",
        ),
        (GroupAuthorizationFailedError("handrail"), "User:ANONYMOUS lacks Read on group handrail: kafka-acls "),
        (
            TopicAuthorizationFailedError("a"),
            "User:ANONYMOUS lacks a right ([Error 29] TopicAuthorizationFailedError: a)",
        ),
        (ValueError("something\nelse"), "it answers: something else: mend what is said there"),
    ],
)
def test_each_is_one_line_with_what_to_do(error: Exception, line: str) -> None:
    explained = explain(error, AT)
    assert explained.startswith(f"broker kafka-1:9093,kafka-2:9093: {line}")
    assert "\n" not in explained


@pytest.mark.parametrize(
    "error", [SaslAuthenticationFailed("no"), TopicAuthorizationFailedError("a"), ssl.SSLError(1, "x"), ValueError("x")]
)
def test_who_answers_is_never_asked_for_the_address(error: Exception) -> None:
    assert "is the address right" not in explain(error, AT)


def test_a_look_is_needed_where_the_client_keeps_the_cause_to_itself() -> None:
    assert hides_why(KafkaConnectionError("Unable to bootstrap from [('a', 1, 0)]"))
    assert not hides_why(caused(KafkaConnectionError("closed"), ConnectionResetError()))


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (Right("topic", "a", "Write"), "--operation Write --topic a"),
        (Right("group", "h.", "Read", prefixed=True), "--operation Read --group h. --resource-pattern-type prefixed"),
        (Right("cluster", "kafka-cluster", "Create"), "--operation Create --cluster"),
    ],
)  # fmt: skip
def test_the_command_that_grants_it_can_be_copied(right: Right, words: str) -> None:
    common = "kafka-acls --bootstrap-server k:1 --command-config admin.properties --add --allow-principal 'User:CN=a b'"
    assert command("User:CN=a b", (right,), "k:1") == f"{common} {words}"


def test_a_right_covers_what_kafka_lets_it_cover() -> None:
    reads, prefix = Right("topic", "a.b", "Read"), Right("topic", "a.", "Read", prefixed=True)
    assert reads.covers(Right("topic", "a.b", "Describe"))
    assert prefix.covers(reads)
    assert not reads.covers(prefix)
    assert not reads.covers(Right("topic", "a.b", "Write"))
