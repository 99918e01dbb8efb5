"""How large a message may be, in one place: the producer refuses more, the topics take as much, consumers fetch it."""

from __future__ import annotations

#: One message with its key and headers.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024

#: One batch of messages as the broker stores it; the surplus holds the frame around a single largest message.
MAX_BATCH_BYTES = MAX_MESSAGE_BYTES + 64 * 1024
