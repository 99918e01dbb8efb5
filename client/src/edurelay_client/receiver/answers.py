"""What a receiver answers. The sender keeps the beginning of the body with the attempt, so it says what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from edurelay_client.errors import EdurelayError


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Refused(EdurelayError):
    """The request is not taken; `code` is for programs, the text is for people."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def answer(self) -> Answer:
        """Return the refusal as an answer: a problem as in RFC 9457."""
        title = HTTPStatus(self.status).phrase
        problem = {"title": title, "status": self.status, "code": self.code, "detail": str(self)}
        headers = {"Content-Type": "application/problem+json"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Answer(self.status, headers, orjson.dumps(problem))


class NotNow(Refused):
    """It cannot be taken now. A handler raises it to have the event again, `retry_after` seconds later or more."""

    def __init__(self, detail: str = "not now", *, retry_after: int = 30) -> None:
        super().__init__(503, "not_now", detail, retry_after=retry_after)
