"""How the service's own errors are told."""

from __future__ import annotations

from edurelay.web.problems import ErrorTable, Problem
from edurelay_mapping.assignments import MappingConflict
from edurelay_mapping.canonical import Unmappable
from edurelay_mapping.errors import UNAVAILABLE
from edurelay_mapping.logbook import LogRefused


def _unavailable(_error: Exception) -> Problem:
    return Problem(503, "store_unavailable", "A store does not answer; try again.", headers={"Retry-After": "1"})


def _conflict(error: Exception) -> Problem:
    assert isinstance(error, MappingConflict)
    return Problem(409, "mapping_conflict", f"The {error.field} is mapped already.", field=error.field)


def _unmappable(error: Exception) -> Problem:
    assert isinstance(error, Unmappable)
    field = "attributes" if error.field is None else f"attributes.{error.field}"
    return Problem(422, "invalid_request", f"{field}: {error.reason}", field=field)


def _refused(error: Exception) -> Problem:
    return Problem(503, "log_refused", str(error), headers={"Retry-After": "10"})


PROBLEMS: ErrorTable = {
    **dict.fromkeys(UNAVAILABLE, _unavailable),
    MappingConflict: _conflict,
    Unmappable: _unmappable,
    LogRefused: _refused,
}
