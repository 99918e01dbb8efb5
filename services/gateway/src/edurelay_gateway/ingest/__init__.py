"""Ingest: webhooks from providers, taken in durably and answered at once."""
