"""Moodle's REST protocol, from variables to an answer, in the order in which a Moodle checks them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle.arguments import validate
from edurelay_sandbox.moodle.errors import (
    MoodleError,
    access,
    invalid_parameter,
    invalid_token,
    maintenance,
    missing_record,
)
from edurelay_sandbox.moodle.formats import JSON_TYPE, XML_TYPE, as_json, as_xml, error_as_xml, error_body
from edurelay_sandbox.moodle.functions import FUNCTIONS, Call, Function
from edurelay_sandbox.moodle.school import School
from edurelay_sandbox.moodle.text import TextMode
from edurelay_sandbox.moodle.tokens import Token, Tokens

_OWN = ("wstoken", "wsfunction", "moodlewsrestformat")
_SETTING = "moodlewssetting"
_NOT_READY = "error/forcepasswordchangenotice"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out at status 200."""

    content_type: str
    body: bytes


@dataclass(slots=True)
class Service:
    """The web services of one school."""

    school: School
    tokens: Tokens = field(default_factory=Tokens)

    def answer(self, variables: dict[str, Any], faults: dict[FaultKind, Fault]) -> Answer:
        """Answer one request."""
        json = variables.get("moodlewsrestformat") == "json"
        try:
            function, value = self._run(variables, faults)
        except MoodleError as error:
            return Answer(JSON_TYPE, as_json(error_body(error))) if json else Answer(XML_TYPE, error_as_xml(error))
        return Answer(JSON_TYPE, as_json(value)) if json else Answer(XML_TYPE, as_xml(value, function.shape))

    def _run(self, variables: dict[str, Any], faults: dict[FaultKind, Fault]) -> tuple[Function, Any]:
        token = self._admit(variables.get("wstoken"), faults)
        function = self._function(variables.get("wsfunction"), token)
        if error := faults.get(FaultKind.ERROR):
            raise MoodleError(error.errorcode, error.message, error.exception)
        arguments = {
            name: value for name, value in variables.items() if name not in _OWN and not name.startswith(_SETTING)
        }
        checked: dict[str, Any] = validate(arguments, function.arguments)
        drift = faults.get(FaultKind.DRIFT)
        call = Call(
            self.school,
            token,
            TextMode(variables.get(f"{_SETTING}raw") == "1", variables.get(f"{_SETTING}filter") == "1"),
            time.time(),
            shift=drift.shift if drift else 0,
            unready=_NOT_READY if FaultKind.UNREADY in faults else None,
        )
        return function, function.run(call, checked)

    def _admit(self, text: object, faults: dict[FaultKind, Fault]) -> Token:
        if FaultKind.EXPIRED_TOKEN in faults and isinstance(text, str) and text in self.tokens.known:
            self.tokens.known[text].expired = True
        token = self.tokens.use(text)
        if token is None:
            raise invalid_token()
        if token.expired:
            raise access()
        if FaultKind.MAINTENANCE in faults and not token.administrator:
            raise maintenance()
        if token.refusal == "accessexception":
            raise access()
        if token.refusal is not None:
            raise MoodleError(token.refusal, token.message)
        return token

    def _function(self, name: object, token: Token) -> Function:
        if not isinstance(name, str):
            raise invalid_parameter()
        function = FUNCTIONS.get(name)
        if function is None:
            raise missing_record()
        if token.functions is not None and name not in token.functions:
            raise access()
        return function
