"""core_webservice_get_site_info: who the token belongs to, and which functions it may call."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.functions.call import SITE_URL, Call, Function
from edurelay_sandbox.moodle.records import SITE
from edurelay_sandbox.moodle.text import LANGUAGE

_FEATURES = {"usecomments": 1, "enablenotes": 1, "messaging": 1, "enablecompletion": 1, "enableglobalsearch": 0}


def site_info(functions: dict[str, Function]) -> Function:
    """Return the function that tells of `functions`, itself among them."""

    def run(call: Call, arguments: dict[str, Any]) -> Any:
        name = call.token.username.capitalize()
        allowed = call.token.functions
        return {
            "sitename": call.school.courses[SITE].fullname,
            "username": call.token.username,
            "firstname": name,
            "lastname": name,
            "fullname": f"{name} {name}",
            "lang": LANGUAGE,
            "userid": max(call.school.people) + 1,
            "siteurl": SITE_URL,
            "userpictureurl": f"{SITE_URL}/theme/image.php/boost/core/1/u/f1",
            "functions": [
                {"name": function.name, "version": function.version}
                for function in functions.values()
                if allowed is None or function.name in allowed
            ],
            "downloadfiles": 0,
            "uploadfiles": 0,
            "release": call.release,
            "version": call.version,
            "mobilecssurl": "",
            "advancedfeatures": [{"name": feature, "value": value} for feature, value in _FEATURES.items()],
            "usercanmanageownfiles": True,
            "userquota": 104_857_600,
            "usermaxuploadfilesize": 2_097_152,
            "userhomepage": 1,
            "userprivateaccesskey": "0123456789abcdef0123456789abcdef",
            "siteid": SITE,
            "sitecalendartype": "gregorian",
            "usercalendartype": "gregorian",
            "userissiteadmin": call.token.administrator,
            "theme": "boost",
            "limitconcurrentlogins": 0,
            "policyagreed": 0,
        }

    return Function("core_webservice_get_site_info", {}, run, _SHAPE)


_VALUES_BEFORE = (
    "sitename",
    "username",
    "firstname",
    "lastname",
    "fullname",
    "lang",
    "userid",
    "siteurl",
    "userpictureurl",
)
_VALUES_AFTER = (
    "usercanmanageownfiles", "userquota", "usermaxuploadfilesize", "userhomepage", "userprivateaccesskey", "siteid",
    "sitecalendartype", "usercalendartype", "userissiteadmin", "usersessionscount", "theme", "limitconcurrentlogins",
    "policyagreed",
)  # fmt: skip
_SHAPE = {
    **dict.fromkeys(_VALUES_BEFORE),
    "functions": [{"name": None, "version": None}],
    **dict.fromkeys(("downloadfiles", "uploadfiles", "release", "version", "mobilecssurl")),
    "advancedfeatures": [{"name": None, "value": None}],
    **dict.fromkeys(_VALUES_AFTER),
}
