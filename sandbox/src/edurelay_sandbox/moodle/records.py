"""What a school consists of, in the words of Moodle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

SITE = 1
GUEST = 1
ADMIN = 2

#: Role ids and short names; `NAMED_ROLES` are those that the school gave a name of its own.
ROLES = {1: "manager", 3: "editingteacher", 4: "teacher", 5: "student", 9: "delegado"}
ROLE_IDS = {shortname: roleid for roleid, shortname in ROLES.items()}
NAMED_ROLES = {"delegado": "Delegado & vocero"}
TEACHING = frozenset({"editingteacher", "teacher"})
LEARNING = "student"


@dataclass(slots=True)
class Person:
    """An account. Empty text and 0 mean that the person has no such thing. `profile` holds custom fields."""

    id: int
    username: str
    firstname: str
    lastname: str
    email: str
    idnumber: str = ""
    department: str = ""
    institution: str = ""
    address: str = ""
    description: str = ""
    city: str = ""
    country: str = "CL"
    auth: str = "manual"
    suspended: bool = False
    confirmed: bool = True
    deleted: bool = False
    firstaccess: int = 0
    lastaccess: int = 0
    profile: dict[str, str] = field(default_factory=dict)

    @property
    def fullname(self) -> str:
        """The name as Moodle shows it."""
        return f"{self.firstname} {self.lastname}"


@dataclass(slots=True)
class Enrolment:
    """A person's place in a course. `start` and `end` are Unix seconds, 0 for open."""

    user: int
    roles: tuple[str, ...]
    suspended: bool = False
    start: int = 0
    end: int = 0
    method: str = "manual"
    groups: list[int] = field(default_factory=list)

    def active(self, now: float) -> bool:
        """Whether the place counts at the moment: not suspended, begun, not ended."""
        return not self.suspended and self.start <= now and (self.end == 0 or self.end > now)


@dataclass(slots=True)
class Group:
    """A group of a course. `members` has no particular order."""

    id: int
    course: int
    name: str
    idnumber: str = ""
    description: str = ""
    enrolmentkey: str | None = None
    visibility: int = 0
    participation: bool = True
    members: list[int] = field(default_factory=list)


@dataclass(slots=True)
class GradeItem:
    """A column of the gradebook: `kind` is mod, manual or course; the last has neither name nor number."""

    id: int
    kind: str
    name: str | None = None
    module: str | None = None
    instance: int | None = None
    cmid: int | None = None
    idnumber: str | None = None
    minimum: float = 0
    maximum: float = 100
    hidden: bool = False
    locked: bool = False


class Grade(NamedTuple):
    """A person's result in one item; `raw` is None where there is only a comment."""

    raw: float | None
    graded: int | None


@dataclass(slots=True)
class Activity:
    """An activity whose completion is tracked: 1 by hand, 2 automatically."""

    cmid: int
    module: str
    instance: int
    name: str
    tracking: int
    rules: tuple[tuple[str, str], ...] = ()


class Progress(NamedTuple):
    """How far a person has come: 0 incomplete, 1 complete, 2 passed, 3 failed."""

    state: int
    time: int


@dataclass(slots=True)
class Course:
    """A course with its people, its gradebook and its completion."""

    id: int
    shortname: str
    fullname: str
    idnumber: str = ""
    category: int = 0
    sortorder: int = 0
    summary: str = ""
    format: str = "topics"
    startdate: int = 0
    enddate: int = 0
    visible: bool = True
    groupmode: int = 0
    completion: bool = True
    criteria: bool = True
    manual: bool = True
    timecreated: int = 0
    timemodified: int = 0
    site: str = ""
    shift: int = 0
    enrolments: dict[int, Enrolment] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)
    items: list[GradeItem] = field(default_factory=list)
    grades: dict[int, dict[int, Grade]] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    progress: dict[int, dict[int, Progress]] = field(default_factory=dict)

    def completed_by(self, user: int) -> bool:
        """Whether a person has completed the course: all of its tracked activities are complete."""
        done = self.progress.get(user, {})
        return (
            bool(self.activities)
            and self.criteria
            and all(activity.cmid in done and done[activity.cmid].state for activity in self.activities)
        )
