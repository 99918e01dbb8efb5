"""What happens after an error, decided in one place. Pure: nothing here waits, writes or raises.

The connector's error names the kind of trouble, the run's own state says how often it was met before.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from edurelay_connector_runner.sdk import (
    AuthExpired,
    ConfigurationError,
    ConnectorError,
    NotPermitted,
    Throttled,
    Transient,
)

SHORTEST_THROTTLE = 1.0
LONGEST_THROTTLE = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class SetAside:
    """Go on with the run in `seconds`, from the last checkpoint, wherever it is picked up then."""

    seconds: float
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailStream:
    """Give up this stream; its siblings go on."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailRun:
    """Give up the run: no stream of it could do better."""

    code: str
    reason: str


Decision = SetAside | FailStream | FailRun


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a provider may fail in passing between two checkpoints of a stream, and how long it is left alone
    in between: `first_pause` seconds, doubled each time up to `longest_pause`, with a fifth of jitter."""

    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0

    def after(self, error: Exception, attempts: int) -> Decision:
        """Return what happens after `error`. `attempts` is how often the provider has failed in passing since the
        last checkpoint, this time included."""
        match error:
            case NotPermitted():
                return FailStream(error.code, str(error))
            case AuthExpired() | ConfigurationError():
                return FailRun(error.code, str(error))
            case Throttled():
                seconds = min(max(error.seconds, SHORTEST_THROTTLE), LONGEST_THROTTLE)
                return SetAside(seconds, error.code, str(error))
            case Transient() if attempts < self.attempts:
                return SetAside(self.pause(attempts), error.code, str(error))
            case Transient():
                return FailStream(error.code, f"{error} ({attempts} attempts)")
            case ConnectorError():
                return FailStream(error.code, str(error))
            case _:
                # The text of a foreign exception may hold anything, so only its kind is shown.
                return FailStream(ConnectorError.code, f"the connector failed unexpectedly ({type(error).__name__})")

    def pause(self, attempts: int) -> float:
        """Return for how many seconds to wait after so many failures."""
        longest: float = min(self.first_pause * 2 ** (attempts - 1), self.longest_pause)
        return longest * random.uniform(0.8, 1.2)
