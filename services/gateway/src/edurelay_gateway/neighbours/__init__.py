"""The other services, as the gateway sees them over their internal HTTP."""
