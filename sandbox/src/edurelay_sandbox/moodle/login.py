"""/login/token.php: a password for a token."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay_sandbox.moodle.tokens import ADMIN, HUB

SERVICE = "hub_service"
_NO_SERVICE = "Web service is not available. (It doesn't exist or might be disabled.)"


def issue_token(variables: Mapping[str, str], password: str) -> dict[str, str | None]:
    """Answer a request for a token."""
    if variables.get("appsitecheck"):
        return {"appsitecheck": "ok"}
    for name in ("username", "password", "service"):
        if not variables.get(name):
            return _refusal("missingparam", f"A required parameter ({name}) was missing")
    token = {"hub": HUB, "admin": ADMIN}.get(variables["username"].lower())
    if token is None or variables["password"] != password:
        return _refusal("invalidlogin", "Invalid login, please try again")
    if variables["service"] != SERVICE:
        return _refusal("servicenotavailable", _NO_SERVICE)
    return {"token": token, "privatetoken": None if token == ADMIN else "x" * 64}


def _refusal(code: str, error: str) -> dict[str, str | None]:
    return {"error": error, "errorcode": code, "stacktrace": None, "debuginfo": None, "reproductionlink": None}
