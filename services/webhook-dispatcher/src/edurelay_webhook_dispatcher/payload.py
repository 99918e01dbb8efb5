"""What an endpoint gets of an event: all of it, ids only, or what its allow-list names. Pure.

Nearly every endpoint gets all, and then the event's data is copied as it stands in the log. Only where there is
something to leave out is it read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from edurelay.events.envelope import Event
from edurelay.events.identifiers import only_ids
from edurelay.events.projection import projected
from edurelay.messages.subscriptions import BodyFormat, PayloadMode, Subscription
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.body import body_of


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes of a delivery. `ids` is the connection whose ids have yet to be put in for ours, before the first
    attempt; None where they are as they have to be."""

    body: bytes
    ids: str | None = None

    @classmethod
    def kept(cls, delivery: Document) -> Payload:
        """Return that of a stored delivery that is open."""
        return cls(delivery["body"], delivery.get("ids"))


class Payloads:
    """The payloads of one event; what several endpoints share is made once."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._bodies: dict[BodyFormat, bytes] = {}

    def of(self, subscription: Subscription, body_format: BodyFormat | None = None) -> Payload:
        """Return what an endpoint gets, in its own format or a given one."""
        form = body_format or subscription.body_format
        thin = subscription.payload is PayloadMode.THIN
        if not thin and subscription.fields is None:
            return Payload(self._whole(form), subscription.ids)
        data = self._data
        if thin:
            data = only_ids(self._event.type, data)
        if subscription.fields is not None:
            data = projected(data, subscription.fields)
        event = replace(self._event, data=orjson.dumps(data))
        return Payload(body_of(event, form, with_subject=thin), subscription.ids)

    def _whole(self, form: BodyFormat) -> bytes:
        if form not in self._bodies:
            self._bodies[form] = body_of(self._event, form)
        return self._bodies[form]

    @cached_property
    def _data(self) -> Any:
        try:
            return orjson.loads(self._event.data)
        except orjson.JSONDecodeError:
            return None  # There is nothing in it that could be shown.
