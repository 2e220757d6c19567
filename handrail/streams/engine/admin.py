"""Kafka's admin client, which asks another broker where the one it asked is gone.

aiokafka 0.14 asks one at random of those that the metadata names, and a broker that died is named there for some
seconds more: with one of three away, every third question fails.
"""

import random
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError


class Admin(AIOKafkaAdminClient):  # type: ignore[misc]
    """What any broker can answer is asked of each in turn; the last one's error is raised."""

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()] if node_id is None else [node_id]
        random.shuffle(nodes)
        for node in nodes[:-1]:
            try:
                return await super()._send_request(request, node)
            except (NodeNotReadyError, KafkaConnectionError):
                continue
        return await super()._send_request(request, nodes[-1] if nodes else None)
