"""webhook-dispatcher: matches events to endpoints, signs, sends, retries, and keeps the ledger of all of it."""
