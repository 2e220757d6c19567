"""The rights of each part of Handrail on a Kafka with an authorizer."""
