"""Faithful simulators of providers, with switchable faults, for the demo and the tests."""
