"""What an endpoint gets of an event: all of it, ids only, or what its allow-list names. Pure.

Nearly every endpoint gets all, and then the event's data is copied as it stands in the log. Only where there is
something to leave out is it read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import orjson

from edurelay.events.envelope import Event
from edurelay.events.identifiers import only_ids
from edurelay.events.projection import projected
from edurelay.messages.subscriptions import BodyFormat, PayloadMode, Subscription
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.body import body_of

#: The format, whether only ids are left, and the paths that are: endpoints that agree in them get the same bytes.
_Narrowing: TypeAlias = tuple[BodyFormat, bool, tuple[str, ...] | None]


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
        self._narrowed: dict[_Narrowing, bytes] = {}

    def of(self, subscription: Subscription, body_format: BodyFormat | None = None) -> Payload:
        """Return what an endpoint gets, in its own format or a given one."""
        form = body_format or subscription.body_format
        narrowing = _narrowing(subscription, form)
        body = self._whole(form) if narrowing is None else self._narrow(narrowing)
        return Payload(body, subscription.ids)

    def ready(self, subscription: Subscription) -> bool:
        """Return False where the data has yet to be gone through for what an endpoint gets."""
        narrowing = _narrowing(subscription, subscription.body_format)
        return narrowing is None or narrowing in self._narrowed

    def close_data(self) -> None:
        """Let go of the data as it was read, which takes many times the room of its bytes. What is made stays."""
        self.__dict__.pop("_data", None)

    def _whole(self, form: BodyFormat) -> bytes:
        if form not in self._bodies:
            self._bodies[form] = body_of(self._event, form)
        return self._bodies[form]

    def _narrow(self, narrowing: _Narrowing) -> bytes:
        if narrowing not in self._narrowed:
            form, thin, fields = narrowing
            data = only_ids(self._event.type, self._data) if thin else self._data
            if fields is not None:
                data = projected(data, fields)
            event = replace(self._event, data=orjson.dumps(data))
            self._narrowed[narrowing] = body_of(event, form, with_subject=thin)
        return self._narrowed[narrowing]

    @cached_property
    def _data(self) -> Any:
        try:
            return orjson.loads(self._event.data)
        except orjson.JSONDecodeError:
            return None  # There is nothing in it that could be shown.


def _narrowing(subscription: Subscription, form: BodyFormat) -> _Narrowing | None:
    """Return what is left out for an endpoint, None where it gets all."""
    thin, fields = subscription.payload is PayloadMode.THIN, subscription.fields
    if not thin and fields is None:
        return None
    return form, thin, None if fields is None else tuple(fields)
