"""One call of a function: who calls, how, and what the functions have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edurelay_sandbox.moodle.arguments import Description
from edurelay_sandbox.moodle.errors import MoodleError, course_context, missing_record, no_permission
from edurelay_sandbox.moodle.formats import Shape
from edurelay_sandbox.moodle.records import SITE, Course, Person
from edurelay_sandbox.moodle.school import School
from edurelay_sandbox.moodle.text import TextMode
from edurelay_sandbox.moodle.tokens import ALL_COURSES, HIDDEN_COURSES, Token

SITE_URL = "https://moodle.example"


@dataclass(frozen=True, slots=True)
class Call:
    """What a function gets. `shift` is how many people are gone from the front of lists that are read in pages."""

    school: School
    token: Token
    text: TextMode
    now: float
    release: str = "5.0.6+ (Build: 20260403)"
    version: str = "2025041406.11"
    shift: int = 0
    #: Why the caller cannot enter any course although the account works, such as a forced change of password.
    unready: str | None = None

    def can(self, capability: str) -> bool:
        """Whether the caller has a capability."""
        return capability in self.token.capabilities

    def need(self, capability: str) -> None:
        """Raise nopermissions where the caller lacks a capability."""
        if not self.can(capability):
            raise no_permission(capability)

    def course(self, id_: int) -> Course:
        """Return a course that exists. Raises missing record."""
        try:
            return self.school.courses[id_]
        except KeyError:
            raise missing_record() from None

    def enter(self, course: Course) -> None:
        """Raise errorcoursecontextnotvalid where the caller cannot enter a course."""
        if self.unready is not None:
            raise course_context(course.id, self.unready)
        hidden = not course.visible and not self.can(HIDDEN_COURSES)
        if course.id != SITE and (hidden or not self.can(ALL_COURSES)):
            raise course_context(course.id)

    def person(self, id_: int) -> Person:
        """Return an account that is in use. Raises missing record or userdeleted."""
        person = self.school.people.get(id_)
        if person is None:
            raise missing_record()
        if person.deleted:
            raise MoodleError("userdeleted", "error/userdeleted")
        return person


@dataclass(frozen=True, slots=True)
class Function:
    """A web-service function: the description of its arguments, what it does, and its return type in XML."""

    name: str
    arguments: dict[str, Description]
    run: Callable[[Call, dict[str, Any]], Any]
    shape: Shape = None
    version: str = "2025041406.11"
