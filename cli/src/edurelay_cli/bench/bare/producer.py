"""The bare loops' producer: aiokafka's own, with the settings of ours, so that both are equally safe."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer


def bare_producer(bootstrap: str) -> AIOKafkaProducer:
    """Return an idempotent producer that waits for all replicas; not started."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=256 * 1024
    )
