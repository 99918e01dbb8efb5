"""Kafka: the producer, the consumer, compacted topics as tables, dead letters, topics. Only this imports aiokafka."""
