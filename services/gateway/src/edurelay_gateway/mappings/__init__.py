"""The id map and the canonical records, both kept by the mapping service."""
