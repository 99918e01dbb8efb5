"""The dispatcher's own settings, beside those of every service."""

from __future__ import annotations

from pydantic import Field, field_validator

from edurelay.runtime.settings import ServiceSettings

#: Seconds before each attempt: at once, then up to three days of growing pauses (Standard Webhooks 1.0.0).
DEFAULT_SCHEDULE = "0,5,300,1800,7200,18000,36000,50400,72000,86400"

#: How many attempts may be under way at a time in one dispatcher: each has a socket and a body in memory.
MAX_ATTEMPTS = 2_000


class DispatcherSettings(ServiceSettings):
    """`retry_schedule` is a comma list of seconds, one entry an attempt; `attempt_seconds` bounds a whole attempt,
    `connect_seconds` its beginning, and `max_attempts` how many are under way at a time; `require_https` refuses plain
    HTTP except to hosts that `egress_allow` lists. `gateway_url` is told of endpoints that are gone or whose conditions
    fail, `mapping_url` asked for the ids of other systems. An endpoint that has only failed for `disable_after_seconds`
    is disabled, and tried every `probe_seconds`.

    Deliveries that have ended are deleted when nothing has happened to them for `delivery_retention_days`, and an event
    is found for `event_retention_days`; it is looked for what is too old every `retention_seconds`."""

    mongo_database: str = "edurelay_webhook_dispatcher"
    gateway_url: str = ""
    mapping_url: str = ""
    retry_schedule: str = DEFAULT_SCHEDULE
    attempt_seconds: float = 15.0
    connect_seconds: float = 5.0
    max_attempts: int = Field(default=MAX_ATTEMPTS, ge=10)
    require_https: bool = True
    disable_after_seconds: float = Field(default=5 * 86_400.0, gt=0)
    probe_seconds: float = Field(default=3600.0, gt=0)
    delivery_retention_days: float = Field(default=90.0, gt=0)
    event_retention_days: float = Field(default=90.0, gt=0)
    retention_seconds: float = Field(default=3600.0, gt=0)

    @field_validator("retry_schedule")
    @classmethod
    def _readable(cls, text: str) -> str:
        parse_schedule(text)
        return text

    @property
    def schedule(self) -> tuple[float, ...]:
        """The retry schedule in seconds."""
        return parse_schedule(self.retry_schedule)


def parse_schedule(text: str) -> tuple[float, ...]:
    """Read a comma list of seconds. Raises `ValueError` where one is no number from 0 to a week."""
    seconds = tuple(float(part) for part in text.split(","))
    if not seconds or not all(0 <= each <= 7 * 86_400 for each in seconds):
        raise ValueError("a retry schedule is a comma list of seconds, each from 0 to 604800")
    return seconds
