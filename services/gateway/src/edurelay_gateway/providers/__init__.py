"""Providers: the connectors that there are."""
