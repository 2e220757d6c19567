"""What the stock programs share: Faust as its documents set it up, with a short session and frequent commits."""

import json
import os
import tempfile
from typing import Any

import faust

TOPIC, PARTITIONS = "trap-events", 1


def application(name: str, **settings: Any) -> Any:
    """A stock application; `settings` over what is set here. Every setting else is Faust's default."""
    given = {
        "broker": f"kafka://{os.environ['BROKER']}",
        "store": "memory://",
        "datadir": tempfile.mkdtemp(prefix="trap-"),
        "autodiscover": False,
        "topic_partitions": PARTITIONS,
        "topic_replication_factor": 1,
        "broker_session_timeout": 2,
        "broker_heartbeat_interval": 0.5,
        "broker_commit_interval": 0.2,
        "consumer_auto_offset_reset": "earliest",
    }
    return faust.App(name, **(given | settings))


def say(what: str, value: Any = None) -> None:
    """One line for the test that reads along, past Faust, which takes `sys.stdout` for its log; survives a kill -9."""
    os.write(1, b"\n" + json.dumps([what, value]).encode() + b"\n")  # Faust's banner may stand on the line
