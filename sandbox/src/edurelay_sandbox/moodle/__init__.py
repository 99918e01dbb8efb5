"""A Moodle for a generated school, held against answers that were recorded from a running one."""

from edurelay_sandbox.moodle.school import School
from edurelay_sandbox.moodle.server import MoodleSandbox
from edurelay_sandbox.moodle.tokens import ADMIN, HUB, Token

__all__ = ["ADMIN", "HUB", "MoodleSandbox", "School", "Token"]
