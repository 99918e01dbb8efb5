"""The books are checked: everything that the index says was matched has to be among the deliveries.

The ledger of an endpoint is counted from its deliveries and therefore always adds up; what it cannot see is a match
that never became a delivery. So all the time, and little by little, the index is gone through from its beginning to its
end, each match is looked up, and what is missing is counted. It must be nothing.
"""

from __future__ import annotations

import asyncio

from edurelay.mongo import StoreUnavailable
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import LEDGER_DIFFERENCE
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin
from edurelay_webhook_dispatcher.store import Store

#: How often some more of the index is looked at, in seconds, and how many of its blocks.
PAUSE = 60.0
BLOCKS = 80
#: How long a match may take to become a delivery, in seconds: much longer than it ever does.
SETTLED = 120.0

_log = get_logger(__name__)


class Audit:
    """Goes through the index again and again. Deliveries are kept for `keep_seconds`."""

    def __init__(self, store: Store, *, keep_seconds: float) -> None:
        self._store = store
        self._keep_seconds = keep_seconds
        #: The last block that was looked at, what was missing up to there, and in the round before.
        self._place = ""
        self._missing = 0
        self._missing_before = 0

    async def run(self) -> None:
        """Check some more, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            try:
                await self.check(clock.now() - SETTLED)
            except StoreUnavailable as error:
                _log.warning("the books could not be checked", reason=str(error))

    async def check(self, before: float) -> None:
        """Look up the matches of the next blocks, as far as they are older than a Unix time, and not so old that their
        deliveries may have been deleted."""
        oldest = clock.now() - self._keep_seconds
        blocks = await self._store.events.blocks(self._place, BLOCKS)
        for place, entries in blocks:
            due = [each for each in entries if oldest * 1000 < each.moment < before * 1000]
            self._missing += await self._missing_of(due)
            self._place = place
        if len(blocks) < BLOCKS:
            self._place, self._missing_before, self._missing = "", self._missing, 0
        LEDGER_DIFFERENCE.of().set(max(self._missing, self._missing_before))

    async def _missing_of(self, entries: list[Entry]) -> int:
        keys = {
            DeliveryKey(each.tenant, endpoint, each.moment, event_origin(*each.position)).stored
            for each in entries
            for endpoint in each.to
        }
        present = await self._store.known(sorted(keys))
        for key in sorted(keys - present):
            _log.error("a match has no delivery", delivery=DeliveryKey.from_stored(key).text)
        return len(keys - present)
