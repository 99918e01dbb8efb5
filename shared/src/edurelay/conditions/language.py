"""What a condition may say, and what it means. Pure.

A condition is an expression of CEL that gives a bool. It knows the event's `type`, `subject` (empty where the event
has none), `time` (a timestamp) and `data` (a map). It is checked when it is compiled; what `data` holds is known only
when it is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

#: How long a condition may be, in characters, and how much of a reason is kept.
MAX_LENGTH = 2000
REASON_LENGTH = 300

#: In a container, since `type` alone is a word of the language.
_CONTAINER = "event"
_VARIABLES = {
    "event.type": cel.Type.STRING,
    "event.subject": cel.Type.STRING,
    "event.time": cel.Type.TIMESTAMP,
    "event.data": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
_PRINTED = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]*")
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class ConditionRefused(ValueError):
    """The text is no condition; the message says why and where."""


class ConditionFailed(Exception):
    """The condition could not be evaluated for this event; the message says why."""


class Condition:
    """A compiled condition."""

    def __init__(self, text: str) -> None:
        """Compile. Raises `ConditionRefused`."""
        if len(text) > MAX_LENGTH:
            raise ConditionRefused(f"a condition has at most {MAX_LENGTH:,} characters")
        if not _PRINTED.fullmatch(text):
            raise ConditionRefused("a condition has no control characters but line breaks and tabs")
        try:
            self._expression = _environment().compile(text)
        except (RuntimeError, ValueError) as error:
            raise ConditionRefused(_compiler_message(str(error))) from error
        kind = self._expression.return_type()
        if kind != cel.Type.BOOL:
            raise ConditionRefused(f"a condition gives a bool, this gives {_words(kind)}")

    def holds(self, context: cel.Activation) -> bool:
        """Return whether the condition holds for an event (see `context_of`). Raises `ConditionFailed`."""
        try:
            value = self._expression.eval(context)
        except RuntimeError as error:
            raise ConditionFailed(_evaluation_message(str(error))) from error
        if value.type() == cel.Type.BOOL:
            return bool(value.value())
        raise ConditionFailed(_evaluation_message(str(value.value())))


def context_of(event_type: str, subject: str | None, time: str, data: Mapping[str, Any]) -> cel.Activation:
    """Return an event as conditions see it: made once for all conditions of the event, since its data is turned over
    by the first of them that looks at it. Raises `ConditionFailed`."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        raise ConditionFailed("the event's time is no timestamp") from error
    values = {"event.type": event_type, "event.subject": subject or "", "event.time": moment, "event.data": data}
    try:
        return _environment().Activation(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConditionFailed(_evaluation_message(str(error))) from error


@lru_cache(maxsize=1)
def _environment() -> cel.Env:
    return cel.NewEnv(container=_CONTAINER, variables=_VARIABLES)


def _compiler_message(text: str) -> str:
    found = _PLACE.search(text)
    if found is None:
        return _evaluation_message(text)
    line, column, reason = found.groups()
    reason = reason.removesuffix(" [INVALID_ARGUMENT]").replace(f" (in container '{_CONTAINER}')", "")
    return f"line {line}, column {column}: {reason}"[:REASON_LENGTH]


def _evaluation_message(text: str) -> str:
    """The runtime's own words, without the name that it gives to the sort of error."""
    text = re.sub(r"^[A-Z_]+: (ERROR: <input>:-1:-1: )?| \[[A-Z_]+\]$", "", text)
    return text.encode("utf-8", "replace").decode()[:REASON_LENGTH]


def _words(kind: cel.Type) -> str:
    name = kind.name().lower()
    return f"{name}; compare it with something, such as `== true`" if name == "dyn" else name
