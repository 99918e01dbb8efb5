"""Deliveries: what became of events on their way to endpoints, kept by the dispatcher."""
