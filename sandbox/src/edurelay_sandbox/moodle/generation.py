"""Makes a school out of a seed. The same arguments always give the same school.

Courses take turns in being odd, by their place among twelve: two languages in the name, hidden, an ampersand, no
completion, no criteria. A few of them have nobody in them. Some enrolments are suspended, ended or not begun.
"""

from __future__ import annotations

from random import Random

from edurelay_sandbox.moodle.names import CLASSES, FIRST_NAMES, LAST_NAMES, NOTABLE_PEOPLE, SUBJECTS
from edurelay_sandbox.moodle.records import (
    ADMIN,
    GUEST,
    SITE,
    Activity,
    Course,
    Enrolment,
    Grade,
    GradeItem,
    Group,
    Person,
    Progress,
)

#: 2 March 2026: when the school year begins. All dates are counted from here, so that they depend on no clock.
TERM = 1_772_449_200
DAY = 86_400
FAR_PAST = TERM - 700 * DAY
FAR_FUTURE = 3_000_000_000
COURSES_EACH = 4


class Generation:
    """One school in the making."""

    def __init__(self, seed: int, students: int, courses: int, teachers: int, grade_items: int) -> None:
        self._random = Random(f"school {seed}")
        self._grade_items = grade_items
        self._next_cmid = self._next_item = 1
        self.people: dict[int, Person] = {}
        self.courses: dict[int, Course] = {}
        self.groups: dict[int, Group] = {}
        self._staff()
        first = ADMIN + 1
        self._students = range(first, first + students)
        self._teachers = range(first + students, first + students + teachers)
        for place, user in enumerate(self._students):
            self.people[user] = self._student(user, place)
        for place, user in enumerate(self._teachers):
            self.people[user] = self._teacher(user, place)
        self._site()
        for place in range(courses):
            self.courses[place + 2] = self._course(place + 2, place)
        self._enrol_students()
        self._enrol_teachers()
        for course in self.courses.values():
            if course.enrolments:
                self._groups(course)
                self._gradebook(course)
                self._progress(course)

    def table_order(self) -> list[int]:
        """Return the course ids as they lie in the database, which is in no order."""
        order = list(self.courses)
        self._random.shuffle(order)
        return order

    def _staff(self) -> None:
        self.people[GUEST] = Person(
            GUEST, "guest", "Guest user", " ", "root@localhost", country="", profile={"beca": "0"}
        )
        self.people[ADMIN] = Person(
            ADMIN, "admin", "Admin", "User", "admin@school.example", country="", profile={"beca": "0"}
        )

    def _student(self, user: int, place: int) -> Person:
        random = self._random
        first, last = random.choice(FIRST_NAMES), f"{random.choice(LAST_NAMES)} {random.choice(LAST_NAMES)}"
        if place < len(NOTABLE_PEOPLE):
            first, last = NOTABLE_PEOPLE[place]
        seen = random.random() < 0.9
        number = f"{23_000_000 + user * 137}-{'0123456789K'[user % 11]}"
        person = Person(
            user,
            f"est{place + 1:03d}",
            first,
            last,
            f"est{place + 1:03d}@alumnos.example",
            idnumber="" if place % 17 == 5 else number,
            city="Santiago",
            auth="nologin" if place % 307 == 10 else "manual",
            suspended=place % 211 == 8,
            confirmed=place % 401 != 11,
            firstaccess=TERM + place * 60 if seen else 0,
            lastaccess=TERM + 30 * DAY + place * 61 if seen else 0,
            profile={"rut": number, "curso": CLASSES[place % 8], "beca": str(int(place % 5 == 4)), "oculto": "interno"},
        )
        if place % 40 == 6:
            person.department, person.institution = "7° A", "Liceo & Cía"
            person.address, person.description, person.city = "Av. Siempre Viva 742", "<p>Hola <b>soy</b></p>", ""
        return person

    def _teacher(self, user: int, place: int) -> Person:
        first, last = self._random.choice(FIRST_NAMES), self._random.choice(LAST_NAMES)
        name, profile = f"prof{place + 1}", {"rut": f"{11_000_000 + user}-7", "beca": "0"}
        return Person(user, name, first, last, f"{name}@liceo.example", idnumber=f"DOC-{place + 1}", profile=profile)

    def _site(self) -> None:
        self.courses[SITE] = Course(
            SITE, "liceo", "Liceo Sandbox", sortorder=1, format="site", completion=False, manual=False, criteria=False
        )

    def _course(self, id_: int, place: int) -> Course:
        turn, year = place % 12, place // 12
        name, short = SUBJECTS[turn]
        grade = CLASSES[year % 8] + (f"-{year}" if year >= 8 else "")
        return Course(
            id_,
            f"{short}-{grade}",
            name if turn == 2 else f"{name} {grade}",
            idnumber=f"SIS-{short}-{grade}",
            category=3 + year % 4,
            sortorder=30_000 + place,
            summary=f"<p>Resumen de {short} — números &amp; <b>letras</b></p>",
            format="weeks" if turn == 6 else "topics",
            startdate=TERM,
            enddate=TERM + 35 * DAY if turn == 6 else 0,
            visible=turn != 4 and id_ % 24 != 13,
            groupmode=1 if turn == 1 else 0,
            completion=turn != 9,
            criteria=turn != 10,
            manual=id_ % 48 != 10,
            timecreated=TERM - 20 * DAY,
            timemodified=TERM - 20 * DAY,
            site="Ñuñoa" if turn == 5 else "",
            shift=2 if turn == 5 else 0,
        )

    def _populated(self) -> list[Course]:
        taught = [course for course in self.courses.values() if course.id != SITE]
        return [course for course in taught if course.manual and course.id % 24 != 13] or taught[:1]

    def _enrol_students(self) -> None:
        courses = self._populated()
        if not courses:
            return
        places = 0
        for place, user in enumerate(self._students):
            chosen = self._random.sample(courses, min(COURSES_EACH, len(courses)))
            for course in sorted(chosen, key=lambda one: one.id):
                roles = ("student", "delegado") if place % 40 == 6 and course is chosen[0] else ("student",)
                course.enrolments[user] = self._place(user, roles, places)
                places += 1

    @staticmethod
    def _place(user: int, roles: tuple[str, ...], place: int) -> Enrolment:
        enrolment = Enrolment(user, roles, start=TERM - 10 * DAY)
        if place % 53 == 50:
            enrolment.suspended = True
        elif place % 71 == 70:
            enrolment.start, enrolment.end = FAR_PAST, FAR_PAST + 90 * DAY
        elif place % 97 == 95:
            enrolment.start = FAR_FUTURE
        elif place % 31 == 30:
            enrolment.end = FAR_FUTURE
            enrolment.method = "self"
        return enrolment

    def _enrol_teachers(self) -> None:
        courses = self._populated()
        if not courses:
            return
        for place in range(max(len(courses), len(self._teachers)) if self._teachers else 0):
            teacher, course = self._teachers[place % len(self._teachers)], courses[place % len(courses)]
            role = "editingteacher" if place < len(courses) else "teacher"
            course.enrolments.setdefault(teacher, Enrolment(teacher, (role,), start=TERM - 10 * DAY))
        for place in range(7, len(self._students), 400):
            helped = courses[place % len(courses)]
            helper = helped.enrolments.get(self._students[place])
            roles = ("teacher", "student") if helper is not None else ("teacher",)
            helped.enrolments[self._students[place]] = Enrolment(self._students[place], roles)
        if len(courses) > 2:
            courses[2].enrolments[ADMIN] = Enrolment(ADMIN, ("manager",))

    def _groups(self, course: Course) -> None:
        students = sorted(user for user, place in course.enrolments.items() if "student" in place.roles)
        half = len(students) // 2
        kinds = [
            Group(0, course.id, CLASSES[course.id % 8], f"G{course.id}", "<p>Grupo A</p>", members=students[:half]),
            Group(0, course.id, "Laboratorio Ñ & Cía", enrolmentkey="clave", members=students[half : half + half // 2]),
        ]
        if course.id % 12 == 2:
            kinds.append(
                Group(0, course.id, "Refuerzo", "GPRIV", visibility=3, participation=False, members=students[4:7])
            )
            kinds.append(Group(0, course.id, "Solo miembros", visibility=1, members=students[:2]))
            kinds.append(Group(0, course.id, "Fútbol & Vacío"))
        for group in kinds:
            group.id = len(self.groups) + 1
            self.groups[group.id] = group
            course.groups.append(group.id)
            for user in group.members:
                course.enrolments[user].groups.append(group.id)

    def _gradebook(self, course: Course) -> None:
        random = self._random
        total = GradeItem(self._item(), "course", instance=course.id)
        for number in range(self._grade_items):
            if (course.id + number) % 2 == 0:
                cmid = self._cmid()
                item = GradeItem(self._item(), "mod", f"Tarea {number + 1}: Fracciones", "assign", cmid, cmid, "", 0, 7)
            else:
                item = GradeItem(self._item(), "manual", "Participación & aseo", idnumber="PART", minimum=1, maximum=7)
            course.items.append(item)
        course.items.append(total)
        total.maximum = 7 * self._grade_items
        for user, place in course.enrolments.items():
            if "student" not in place.roles:
                continue
            row: dict[int, Grade] = {}
            for item in course.items[:-1]:
                chance = random.random()
                if chance < 0.5:
                    raw = (
                        0.0
                        if chance < 0.01
                        else round(random.uniform(item.minimum, item.maximum), 1 if chance < 0.3 else 5)
                    )
                    row[item.id] = Grade(raw, TERM + random.randrange(60) * DAY)
                elif chance < 0.52:
                    row[item.id] = Grade(None, TERM + 5 * DAY)
            self.total(course, row)
            if row:
                course.grades[user] = row

    @staticmethod
    def total(course: Course, row: dict[int, Grade]) -> None:
        """Put the course total, which exists where anything was graded, into a person's row."""
        graded = [row[item.id] for item in course.items[:-1] if item.id in row]
        values = [grade.raw for grade in graded if grade.raw is not None]
        if values:
            row[course.items[-1].id] = Grade(round(sum(values), 5), max(grade.graded or 0 for grade in graded))

    def _progress(self, course: Course) -> None:
        if not course.completion or not course.criteria:
            return
        random = self._random
        course.activities = [
            self._activity("assign", "Tarea 1: Fracciones", 2, ("completionsubmit", "Make a submission")),
            self._activity("page", "Leer la guía & más", 1),
            self._activity("quiz", "Prueba 1", 2, ("completionusegrade", "Receive a grade")),
        ]
        for user, place in course.enrolments.items():
            if "student" not in place.roles:
                continue
            done = {
                activity.cmid: Progress(
                    random.choice((1, 2, 2, 3)) if activity.module == "quiz" else 1, TERM + random.randrange(60) * DAY
                )
                for activity in course.activities
                if random.random() < 0.4
            }
            if done:
                course.progress[user] = done

    def _activity(self, module: str, name: str, tracking: int, *rules: tuple[str, str]) -> Activity:
        cmid = self._cmid()
        return Activity(cmid, module, cmid, name, tracking, rules)

    def _cmid(self) -> int:
        self._next_cmid += 1
        return self._next_cmid - 1

    def _item(self) -> int:
        self._next_item += 1
        return self._next_item - 1
