"""A connector's errors, named by what has to happen next. The engine alone waits, retries or gives up."""

from __future__ import annotations

from typing import ClassVar


class ConnectorError(Exception):
    """The provider could not be used."""

    #: The stable code under which the error reaches the API.
    code: ClassVar[str] = "CONNECTOR_ERROR"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ConfigurationError(ConnectorError):
    """The connection is configured wrongly; somebody has to change its config or its credentials."""

    code = "INVALID_CONFIGURATION"


class NotPermitted(ConfigurationError):
    """The credentials lack a right for this stream; somebody has to grant it, and its siblings go on meanwhile."""


class AuthExpired(ConnectorError):
    """The provider no longer takes these credentials; somebody has to enter new ones."""

    code = "INVALID_CREDENTIALS"


class Throttled(ConnectorError):
    """The provider asks to be left alone for a while; the engine sets the connection aside until then."""

    code = "PROVIDER_THROTTLED"

    def __init__(self, seconds: float, message: str | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Transient(ConnectorError):
    """The provider failed in a way that may pass; the engine tries again, then fails the stream."""

    code = "PROVIDER_UNAVAILABLE"


class Permanent(ConnectorError):
    """The provider refused, and would refuse again; the engine fails the stream and goes on with its siblings."""

    code = "PROVIDER_REFUSED"


class BadRecord(ConnectorError):
    """One record cannot be used; it is rejected with field and reason, and its neighbours go on."""

    code = "BAD_RECORD"

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
