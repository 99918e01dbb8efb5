"""Connections: a tenant's configured connectors, and their way to the runners."""
