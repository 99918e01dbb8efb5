"""The errors of Moodle's web services, as a site without debugging tells them."""

from __future__ import annotations

_CORE = "core\\exception\\"


class MoodleError(Exception):
    """An error that a call ends with, at status 200. `code` is None for an error of PHP itself."""

    def __init__(self, code: str | None, message: str, exception: str = f"{_CORE}moodle_exception") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exception = exception


def invalid_token() -> MoodleError:
    """The token is none, or was deleted."""
    return MoodleError("invalidtoken", "Invalid token - token not found")


def access() -> MoodleError:
    """Access was refused, for one of many reasons that are not told."""
    return MoodleError("accessexception", "Access control exception", "webservice_access_exception")


def invalid_parameter() -> MoodleError:
    """An argument is missing, unknown or of the wrong type; which one is not told."""
    return MoodleError("invalidparameter", "Invalid parameter value detected", f"{_CORE}invalid_parameter_exception")


def missing_record() -> MoodleError:
    """There is nothing with this id."""
    return MoodleError("invalidrecordunknown", "Can't find data record in database.", "dml_missing_record_exception")


def no_permission(capability: str) -> MoodleError:
    """The caller lacks a capability, which is told by its title."""
    message = f"Sorry, but you do not currently have permissions to do that ({capability})."
    return MoodleError("nopermissions", message, f"{_CORE}required_capability_exception")


def course_context(course: int, reason: str = "Course or activity not accessible.") -> MoodleError:
    """The caller cannot enter a course."""
    message = (
        f"You cannot execute functions in the course context (course id:{course}). "
        f"The context error message was: {reason}"
    )
    return MoodleError("errorcoursecontextnotvalid", message)


def coding(reason: str) -> MoodleError:
    """A call made Moodle's own code complain."""
    message = f"Coding error detected, it must be fixed by a programmer: {reason}"
    return MoodleError("codingerror", message, f"{_CORE}coding_exception")


def maintenance() -> MoodleError:
    """The site was set to maintenance in its web interface."""
    return MoodleError("sitemaintenance", "The site is undergoing maintenance and is currently not available")
