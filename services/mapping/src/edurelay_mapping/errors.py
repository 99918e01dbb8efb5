"""What is worth another try, in one place."""

from __future__ import annotations

from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import StoreUnavailable

#: Kafka or the database does not answer at the moment.
UNAVAILABLE: tuple[type[Exception], ...] = (KafkaUnavailable, *StoreUnavailable)
