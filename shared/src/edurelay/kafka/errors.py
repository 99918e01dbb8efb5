"""What can go wrong with Kafka, named by what should happen next."""

from __future__ import annotations


class KafkaUnavailable(Exception):
    """Kafka did not acknowledge in time; try again later.

    For a message it says nothing: it may have been written, and it may still be. Whoever sends it again sends the
    same id, so that consumers can tell.
    """


class MessageTooLarge(Exception):
    """The message is larger than a topic takes; sending it again cannot help."""


class TopicMismatch(Exception):
    """The topics are not as they are declared; the text says what to run."""
