"""Trap 10: Faust's defaults that are not ours, and what the worker sets instead."""

import tempfile
from typing import Any

import faust
import mode
import pytest

from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.app import build
from handrail.streams.engine.settings import WorkerSettings

# Setting, Faust 0.15.3's default, ours, and what the default would do here.
DEFAULTS = [
    ("agent_supervisor", mode.OneForOneSupervisor, mode.CrashingSupervisor, "starts an agent past the lost record"),
    ("web_enabled", True, False, "serves tables to the network"),
    ("topic_allow_declare", True, False, "makes topics with one copy and its own settings"),
    ("topic_disable_leader", False, True, "makes a topic of its own to elect a leader with"),
    ("broker_commit_interval", 2.8, 0.5, "reads 2.8 s of records again after a crash"),
    ("broker_session_timeout", 60.0, 10.0, "leaves a dead worker's agents waiting for a minute"),
    ("broker_heartbeat_interval", 3.0, 2.5, "has three heartbeats in a session of 10 s"),
    ("broker_request_timeout", 90.0, 40.0, "waits so long for a broker that is gone"),
    ("broker_max_poll_records", None, 4000, "is the client's: 500"),
    ("consumer_max_fetch_size", 2**20, 9_000_000, "is less than a dead letter of 8 MB"),
]
STATED = [
    ("stream_wait_empty", True, "outputs are awaited before a partition goes"),
    ("consumer_auto_offset_reset", "earliest", "who has committed nothing begins at the beginning"),
    ("processing_guarantee", faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE, "the fold makes it exact"),
    ("producer_compression_type", None, "it costs more CPU than the loopback or a rack's network saves"),
    ("broker_rebalance_timeout", 60.0, "what is being acknowledged ends in that time"),
    ("autodiscover", False, "no module is imported by its name"),
]


def ours() -> Any:
    """The settings of the application that a worker runs."""
    nobody: Any = None
    return build(WorkerSettings(), nobody, nobody, 4).conf


def stock() -> Any:
    """Faust's own."""
    return faust.App("trap", datadir=tempfile.gettempdir()).conf


@pytest.mark.parametrize(("name", "default", "set_to", "would"), DEFAULTS)
def test_a_default_that_is_not_ours(name: str, default: object, set_to: object, would: str) -> None:
    print(f"{name}: stock {getattr(stock(), name)}, which {would}; ours {getattr(ours(), name)}")
    assert getattr(stock(), name) == default
    assert getattr(ours(), name) == set_to


@pytest.mark.parametrize(("name", "value", "why"), STATED)
def test_a_default_that_we_state_all_the_same(name: str, value: object, why: str) -> None:
    print(f"{name}: {value}: {why}")
    assert getattr(ours(), name) == value


def test_an_agent_of_ours_has_one_instance_for_each_topic() -> None:
    nobody: Any = None
    agents = build(WorkerSettings(), nobody, nobody, 4).agents.values()
    assert [agent.concurrency for agent in agents] == [1, 1]
    assert AGENT_EVENTS in {topic for agent in agents for topic in agent.channel.topics}
