"""The work behind each kind of command."""
