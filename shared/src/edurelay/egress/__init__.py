"""Outbound HTTP to addresses that somebody else has given: guarded, bounded in time and bytes, without state."""
