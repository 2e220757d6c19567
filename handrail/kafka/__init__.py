"""Kafka clients as agents, workers and sinks need them alike: topics that anybody may write to, read safely."""
