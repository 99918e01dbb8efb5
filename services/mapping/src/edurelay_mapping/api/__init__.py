"""The internal API: what the gateway and the runner ask about mappings, entities and runs, one module a subject."""
