"""Who calls: tokens, the rights behind them, and the reasons for which access is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Capabilities by the title under which Moodle names them in its messages.
ALL_COURSES = "View courses without participation"
HIDDEN_COURSES = "View hidden courses"
UPDATE_COURSE = "Edit course settings"
REVIEW = "Review course enrolments"
IDENTITY = "View user identity"
PARTICIPANTS = "View participants"
GROUPS = "Manage groups"
GRADES = "View user report"
COMPLETION = "View activity completion reports"
ENROL = "Enrol users"
UNENROL = "Unenrol users from the course"

EVERYTHING = frozenset(
    {
        ALL_COURSES,
        HIDDEN_COURSES,
        UPDATE_COURSE,
        REVIEW,
        IDENTITY,
        PARTICIPANTS,
        GROUPS,
        GRADES,
        COMPLETION,
        ENROL,
        UNENROL,
    }
)
MINIMAL = frozenset({ALL_COURSES, PARTICIPANTS})

#: The token of the service user that has all rights needed, and of the administrator.
HUB = "6d1f00000000000000000000000000ab"
ADMIN = "6d1f00000000000000000000000000ad"


@dataclass(slots=True)
class Token:
    """A token of the site. `functions` is None where its service holds them all; `refusal` is the errorcode with
    which each call ends, `message` what is told with it."""

    username: str = "hub"
    capabilities: frozenset[str] = EVERYTHING
    functions: frozenset[str] | None = None
    expired: bool = False
    administrator: bool = False
    refusal: str | None = None
    message: str = ""


@dataclass(slots=True)
class Tokens:
    """The tokens of a site by their text."""

    known: dict[str, Token] = field(default_factory=lambda: {HUB: Token(), ADMIN: Token("admin", administrator=True)})

    def use(self, text: object) -> Token | None:
        """Return the token with this text. An expired one is found once, and is deleted by being used."""
        token = self.known.get(text) if isinstance(text, str) else None
        if token is not None and token.expired:
            self.known.pop(str(text))
        return token
