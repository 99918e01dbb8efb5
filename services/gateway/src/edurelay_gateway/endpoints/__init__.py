"""Endpoints: where a tenant wants its events, and their way to the dispatcher."""
