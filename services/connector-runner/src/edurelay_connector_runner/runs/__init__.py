"""A run as a document: its state, who may write it, what happens after an error, and how it ends."""
