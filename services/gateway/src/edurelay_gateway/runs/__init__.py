"""Runs: what connections are told to do, followed to the end."""
