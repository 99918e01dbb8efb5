"""Moodle's errors, sorted by what has to happen next. Pure.

Only `errorcode` counts: the exception's class changes between releases and the message is translated. A message is
passed on only where it is known to name a right or a course; on a site that debugs others hold SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edurelay_connector_runner.sdk import (
    AuthExpired,
    ConnectorError,
    NotPermitted,
    Permanent,
    Throttled,
    Transient,
)

#: How long a site is left alone that says it is in maintenance: what Moodle's own 503 asks for.
MAINTENANCE_SECONDS = 300.0


class Gone(Permanent):
    """What was asked for is no longer there."""


class NotTracked(Permanent):
    """Moodle does not keep this for this person or this course."""


class NoCriteria(NotTracked):
    """A course has no criteria by which it could be completed."""


class NotViewable(NotPermitted):
    """A report may not be seen, or there is none; Moodle tells both in the same way."""


class Closed(NotPermitted):
    """A course cannot be entered, or is gone; Moodle tells both in the same way."""


_NEW_TOKEN = "have a new token made and enter it"  # noqa: S105
_ACCOUNT = "the token's account may not be used any more ({}); put the account in order, or enter another token"
_AUTH = {
    "invalidtoken": f"Moodle does not know the token; {_NEW_TOKEN}",
    "wsaccessusersuspended": _ACCOUNT.format("it is suspended"),
    "wsaccessuserdeleted": _ACCOUNT.format("it was deleted"),
    "wsaccessuserunconfirmed": _ACCOUNT.format("it is not confirmed"),
    "wsaccessuserexpired": _ACCOUNT.format("its password has expired"),
    "wsaccessusernologin": _ACCOUNT.format("it may not log in"),
}
_GONE = frozenset({"invalidrecord", "invalidrecordunknown", "invaliduser", "userdeleted", "invalidcourseid"})
_RIGHTS = frozenset(
    {"nopermissions", "nopermissiontoviewgrades", "cannotviewreport", "requireloginerror", "notingroup"}
)
_DATABASE = frozenset({"dmlreadexception", "dmlwriteexception", "dmltransactionexception", "dbconnectionfailed"})
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAG = re.compile(r"<[^>]*>")


def failure(function: str, body: Mapping[str, Any]) -> ConnectorError:
    """Return the error that an answer with `exception` stands for."""
    code = body.get("errorcode")
    code = code if isinstance(code, str) and _CODE.fullmatch(code) else None
    if code is None:
        return Permanent(f"{function} failed inside Moodle, which gave no reason")
    if code in _AUTH:
        return AuthExpired(_AUTH[code])
    if code == "accessexception":
        return NotPermitted(
            f"Moodle refuses {function}: either its external service does not offer the function, or the service is "
            "disabled, the token has expired or is bound to other addresses, or its user lacks webservice/rest:use"
        )
    if code == "sitemaintenance":
        return Throttled(MAINTENANCE_SECONDS, "the Moodle site is in maintenance")
    if code == "errorcoursecontextnotvalid":
        return Closed(
            f"the token's user cannot enter a course: {_told(body)} Its account has to be complete (password, e-mail, "
            "policies), with moodle/course:view and moodle/course:viewhiddencourses"
        )
    if code in _RIGHTS:
        kind = NotViewable if code == "cannotviewreport" else NotPermitted
        return kind(f"the token's user lacks a right for {function}: {_told(body)}")
    if code in _GONE:
        return Gone(f"{function}: {code}")
    if code == "nocriteriaset":
        return NoCriteria(f"{function}: {code}")
    if code == "usernotenroled":
        return NotTracked(f"{function}: {code}")
    if code in _DATABASE:
        return Transient(f"Moodle's database failed during {function}")
    return Permanent(f"Moodle refuses {function}: {code}")


def _told(body: Mapping[str, Any]) -> str:
    """Return a message without markup and without what only a debugging site adds."""
    message, debug = body.get("message"), body.get("debuginfo")
    if not isinstance(message, str):
        return ""
    if isinstance(debug, str) and debug:
        message = message.replace(f"({debug})", "").replace(debug, "")
    return _TAG.sub("", message).strip()[:300]
