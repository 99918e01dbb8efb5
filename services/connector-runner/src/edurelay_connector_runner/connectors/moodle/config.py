"""The config and the credentials of a Moodle connection."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from pydantic.alias_generators import to_camel

ENDPOINT = "/webservice/rest/server.php"
SITE_INFO = "core_webservice_get_site_info"
#: Profile fields are named with this prefix, as Moodle does itself.
PROFILE_PREFIX = "profile_field_"


def _base_url(url: str) -> str:
    """Return Moodle's base address without what people paste along with it."""
    url = url.strip().removesuffix(ENDPOINT).rstrip("/")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        raise ValueError("this is no address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address begins with https:// and has a host name")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the address holds no user name, no ? and no #")
    return url


RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,100}$")]


class MoodleConfig(BaseModel):
    """How a Moodle is read. Role names are the short names of roles, which each site may choose for itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False)

    api_url: Annotated[str, AfterValidator(_base_url), Field(max_length=2000)] = Field(
        description="The address of the site, with its path if it has one: https://moodle.institution.edu"
    )
    ws_function: str = Field(
        default=SITE_INFO,
        pattern=r"^[a-z][a-z0-9_]{2,99}$",
        description="A function that the site's web service has to offer, beside those that are read.",
    )
    page_size: int = Field(default=200, ge=10, le=800, description="People in one request, and records in one page.")
    concurrency: int = Field(default=4, ge=1, le=16, description="Requests under way at once.")
    timeout_seconds: float = Field(default=60, ge=1, le=300)
    student_roles: tuple[RoleName, ...] = Field(default=("student",), min_length=1)
    teacher_roles: tuple[RoleName, ...] = Field(default=("editingteacher", "teacher"), min_length=1)
    identity_field: str = Field(
        default="idnumber",
        pattern=r"^(idnumber|username|email|profile_field_[A-Za-z0-9_]{1,100})$",
        description="The field that holds a person's number in the school's own records.",
    )
    multilang: bool = Field(default=True, description="Let Moodle reduce texts in several languages to one.")
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(_[a-z0-9_]{1,20})?$")
    grades_at_once: int = Field(
        default=500, ge=1, le=5000, description="Up to so many students the grades of a course are read in one request."
    )
    completions: bool = Field(
        default=False, description="Read completions, which takes two requests for each student of each course."
    )


class MoodleCredentials(BaseModel):
    """The token of the service user."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False)

    ws_token: Annotated[SecretStr, Field(min_length=8, max_length=256)] = Field(
        description="Site administration > Server > Web services > Manage tokens."
    )
