"""A Faust application that reads events as the workers' group, and says each value."""

import os
import tempfile
from typing import Any

import faust

from handrail.acl.settings import AclSettings
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.credentials import credentials_of

settings = AclSettings.of({})
cluster = settings.cluster()
app = faust.App(
    settings.group,
    broker=[f"kafka://{address}" for address in cluster.bootstrap.split(",")],
    broker_credentials=credentials_of(cluster.login),
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="faust-"),
    autodiscover=False,
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6,
    broker_heartbeat_interval=1,
    broker_commit_interval=0.2,
)


@app.agent(app.topic(AGENT_EVENTS, value_serializer="raw"))
async def read(stream: Any) -> None:
    async for value in stream:
        os.write(1, b"\nread " + value + b"\n")


if __name__ == "__main__":
    app.main()
