"""A school that changes: who is in it, what is true of it, and the ways in which it is changed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from random import Random

from edurelay_sandbox.moodle.generation import Generation
from edurelay_sandbox.moodle.records import LEARNING, SITE, TEACHING, Course, Enrolment, Group, Person


class School:
    """People, courses and groups by id. `table` is the order in which the database gives courses back."""

    def __init__(
        self, people: dict[int, Person], courses: dict[int, Course], groups: dict[int, Group], table: list[int]
    ) -> None:
        self.people = people
        self.courses = courses
        self.groups = groups
        self.table = table
        self.places: dict[int, list[int]] = {}
        self._changes = 0
        for course in courses.values():
            for user in course.enrolments:
                self.places.setdefault(user, []).append(course.id)

    @classmethod
    def generate(
        cls, seed: int, students: int = 2000, courses: int = 60, teachers: int | None = None, *, grade_items: int = 1
    ) -> School:
        """Make a school of this size; without a number there is one teacher for 25 students."""
        if teachers is None:
            teachers = max(1, students // 25)
        made = Generation(seed, students, courses, teachers, grade_items)
        return cls(made.people, dict(sorted(made.courses.items())), made.groups, made.table_order())

    def taught(self) -> Iterable[Course]:
        """Return every course but the site's own."""
        return (course for course in self.courses.values() if course.id != SITE)

    def learners(self) -> list[int]:
        """Return the ids of all who are a student in some course, in order."""
        return self._holders(frozenset({LEARNING}))

    def teachers(self) -> list[int]:
        """Return the ids of all who teach some course, in order."""
        return self._holders(TEACHING)

    def counts(self) -> dict[str, int]:
        """Return how much of everything there is, for whoever wants to know whether all of it was read.

        Enrolments are places held as a student or a teacher; grades are those with a value; completions are what
        was begun, in courses that track it, and whole courses that are complete.
        """
        now = time.time()
        places = grades = completions = 0
        for course in self.taught():
            for user, place in course.enrolments.items():
                places += not TEACHING.union({LEARNING}).isdisjoint(place.roles)
                if LEARNING not in place.roles:
                    continue
                grades += sum(grade.raw is not None for grade in course.grades.get(user, {}).values())
                if course.completion:
                    completions += len(course.progress.get(user, {}))
                    completions += course.completed_by(user) and place.active(now)
        return {
            "students": len(self.learners()),
            "teachers": len(self.teachers()),
            "courses": len(self.courses) - 1,
            "groups": len(self.groups),
            "enrolments": places,
            "grades": grades,
            "completions": completions,
        }

    def change(self, students: int, seed: int) -> list[int]:
        """Give so many students another e-mail address or family name; return their ids."""
        learners = self.learners()
        chosen = Random(f"change {seed}").sample(learners, min(students, len(learners)))
        for user in chosen:
            self._changes += 1
            person = self.people[user]
            if self._changes % 2:
                person.email = f"{person.username}.{self._changes}@alumnos.example"
            else:
                person.lastname = f"{person.lastname.split(' de ')[0]} de {self._changes}"
        return sorted(chosen)

    def enrol(self, course: int, place: Enrolment) -> None:
        """Put somebody into a course, or change the place of somebody who is in it."""
        if place.user not in self.courses[course].enrolments:
            self.places.setdefault(place.user, []).append(course)
        self.courses[course].enrolments[place.user] = place

    def unenrol(self, course: int, user: int) -> None:
        """Take somebody out of a course, and so out of its groups and its gradebook."""
        place = self.courses[course].enrolments.pop(user, None)
        if place is None:
            return
        self.places[user].remove(course)
        for group in place.groups:
            self.groups[group].members.remove(user)
        self.courses[course].grades.pop(user, None)

    def shuffle(self, seed: int, *, add: int, remove: int) -> tuple[list[str], list[str]]:
        """Put students into courses and take others out; return the places (`course:user`) added and removed."""
        random = Random(f"shuffle {seed}")
        removed = [(course.id, user) for course in self.taught() for user, place in course.enrolments.items()
                   if place.roles == (LEARNING,)]  # fmt: skip
        removed = random.sample(removed, min(remove, len(removed)))
        courses = [course for course in self.taught() if course.enrolments]
        learners, added = self.learners(), dict[tuple[int, int], None]()
        for _ in range(100 * add):
            course, user = random.choice(courses), random.choice(learners)
            if len(added) < add and user not in course.enrolments:
                added[course.id, user] = None
        for course_id, user in removed:
            self.unenrol(course_id, user)
        for course_id, user in added:
            self.enrol(course_id, Enrolment(user, (LEARNING,)))
        return [f"{course}:{user}" for course, user in added], [f"{course}:{user}" for course, user in removed]

    def touch(self, course: int) -> None:
        """Note that a course's own row was written: its time moves, and so does its place in the table."""
        self.courses[course].timemodified = int(time.time())
        self.table.remove(course)
        self.table.append(course)

    def delete(self, user: int) -> None:
        """Delete an account the way Moodle does: it stays as a row with a mangled name and no place anywhere."""
        for course in tuple(self.places.get(user, ())):
            self.unenrol(course, user)
        person = self.people[user]
        person.username = f"{person.email}.{int(time.time())}"
        person.email = f"{user:032x}"
        person.idnumber = ""
        person.deleted = True

    def _holders(self, roles: frozenset[str]) -> list[int]:
        holders = {
            user
            for course in self.taught()
            for user, place in course.enrolments.items()
            if not roles.isdisjoint(place.roles)
        }
        return sorted(holders)
