"""Secrets and proofs: sealing at rest, API keys, webhook signatures. Pure computation, no I/O."""
