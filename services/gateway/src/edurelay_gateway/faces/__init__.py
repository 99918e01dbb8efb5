"""The documented APIs beside our own: each a thin adapter with its own paths, field names and error shape."""
