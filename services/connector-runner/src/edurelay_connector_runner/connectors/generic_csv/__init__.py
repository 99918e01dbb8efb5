"""GENERIC_CSV: reads folders of CSV files by a layout in the config, and writes streams back out. See BEHAVIOR.md."""

from edurelay_connector_runner.connectors.generic_csv.verbs import GenericCsv

#: What the entry point GENERIC_CSV names.
connector = GenericCsv

__all__ = ["connector"]
