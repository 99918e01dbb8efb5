"""A whole Edurelay on this machine: the stores, the four services, two tenants, and the file that tells of them."""

from edurelay_cli.stack.local import LocalStack, StackOptions
from edurelay_cli.stack.state import AlreadyRunning, StackFolder

__all__ = ["AlreadyRunning", "LocalStack", "StackFolder", "StackOptions"]
