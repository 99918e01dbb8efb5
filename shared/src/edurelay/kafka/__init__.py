"""Kafka: the producer, the consumer, compacted topics as tables, dead letters, topics. Only this imports aiokafka."""

from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge

__all__ = ["KafkaUnavailable", "MessageTooLarge"]
