"""One of three brokers is gone: workers and sinks start all the same."""

import pytest

from handrail.streams.engine.topics import ensure_topics
from handrail.streams.sink.log_reader import cluster_id
from infra.kafka.cluster import Cluster

TIMES = 6


@pytest.mark.crash
@pytest.mark.kafka
@pytest.mark.apache
async def test_what_any_broker_can_answer_is_not_asked_of_the_one_that_is_gone(apache_three: Cluster) -> None:
    await ensure_topics(apache_three.bootstrap)
    apache_three.nodes[1].kill()  # the metadata names it for some seconds more
    for _ in range(TIMES):
        assert await ensure_topics(apache_three.bootstrap) == []
        assert await cluster_id(apache_three.bootstrap) == apache_three.cluster_id
