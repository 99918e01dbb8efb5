"""MOODLE: reads a Moodle site through its web services. How it behaves: BEHAVIOR.md."""

from edurelay_connector_runner.connectors.moodle.verbs import MoodleConnector

__all__ = ["MoodleConnector", "connector"]

#: What the entry point names.
connector = MoodleConnector
