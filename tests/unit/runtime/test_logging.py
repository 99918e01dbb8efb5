"""Logs: one JSON object a line, from our own code and from libraries, with no secret in any of them."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import orjson

PROGRAM = """
import logging, warnings
from pydantic import SecretStr
from edurelay.runtime.logging import configure_logging, get_logger
from edurelay.runtime.tracing import continue_trace

early = get_logger("early")
configure_logging("gateway", "DEBUG")
log = get_logger("edurelay.test")
early.info("kept from before the configuration")
with continue_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
    log.info("traced")
log.info("fields", password="canary", nested={"token": "canary", "count": 3}, key=SecretStr("canary"))
log.info("text Bearer canary-canary whsec_canary")
logging.getLogger("some.library").warning("foreign %s", "mongodb://u:canary@db/")
logging.getLogger("aiokafka.producer").debug("Sending (key=%r value=%r)", "canary", "canary")
logging.getLogger("pymongo.command").debug("canary")
try:
    raise ValueError("no access to https://u:canary@host/x")
except ValueError:
    log.exception("raised")
    logging.getLogger("some.library").exception("also raised")
log.info("odd", value=object, raw=b"\\xff", number=2**70, text="\\ud800")
log.debug("the end")
"""


async def test_every_line_is_json_and_none_holds_a_secret() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out) == (0, b"")
    assert b"canary" not in err
    lines = {line["event"]: line for line in map(orjson.loads, err.splitlines())}
    assert lines["fields"]["nested"] == {"token": "[redacted]", "count": 3}
    assert lines["traced"]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert lines["foreign mongodb://[redacted]@db/"]["logger"] == "some.library"
    assert "Traceback" in lines["raised"]["exception"]
    assert "Traceback" in lines["also raised"]["exception"]
    assert {line["service"] for line in lines.values()} == {"gateway"}
    assert {"kept from before the configuration", "odd", "the end"} <= lines.keys()
