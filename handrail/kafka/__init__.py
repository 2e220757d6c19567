"""Kafka clients as agents, workers and sinks need them alike: topics with unknown writers, read safely."""
