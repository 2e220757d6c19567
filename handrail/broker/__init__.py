"""The embedded broker: Kafka's protocol on one machine, in memory, for laptops and tests."""

from handrail.broker.embedded import EmbeddedBroker

__all__ = ["EmbeddedBroker"]
