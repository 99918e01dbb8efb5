"""Who works on what: runs are claimed, held by lease, and carried out."""
