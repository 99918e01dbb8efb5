"""The way of a record through the runner: read, converted, checked, batched, sent."""
