"""The log of records."""

from __future__ import annotations

from edurelay.web.operation import Answer, Call, operation
from edurelay_mapping.api.models import LogState
from edurelay_mapping.intake import Intake
from edurelay_mapping.logbook import Logbook


class LogApi:
    """What an administrator does about the log."""

    def __init__(self, logbook: Logbook, intake: Intake) -> None:
        self._logbook = logbook
        self._intake = intake

    @operation(
        "POST",
        "/internal/log/accept",
        summary="Take the log as it is now for newer than everything before",
        tag="log",
        auth="internal",
        answers={200: LogState},
    )
    async def accept_log(self, call: Call[None, None]) -> Answer:
        """After the topic of records was created again, restored, or given other partitions."""
        epoch = await self._logbook.accept()
        await self._intake.look_again()
        return Answer(body=LogState(epoch=epoch))
