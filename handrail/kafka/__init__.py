"""What agents, workers and sinks need alike to read a Kafka that anybody may write to."""
