"""Endpoints: where events are delivered to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import EllipsisType
from typing import Any

import orjson

from edurelay_client.consumer import Consumer
from edurelay_client.errors import EventsGone
from edurelay_client.models import (
    ConditionTried,
    Delivery,
    Endpoint,
    Example,
    Ledger,
    NewEndpoint,
    Page,
    PublicKey,
    Redelivery,
    Secrets,
    StreamedEvent,
    StreamPage,
)
from edurelay_client.resources.base import Resource, at, given, stretch
from edurelay_client.server_sent import ServerSentParser

#: How long nothing at all may come of a stream, in seconds: three times as long as it ever does.
_SILENCE = 45.0


class Endpoints(Resource):
    """`/v1/endpoints`"""

    async def create(
        self,
        url: str | None,
        event_types: Sequence[str],
        *,
        enabled: bool | EllipsisType = ...,
        description: str | EllipsisType = ...,
        signature_profiles: Sequence[str] | EllipsisType = ...,
        signature_algorithms: Sequence[str] | EllipsisType = ...,
        body_format: str | EllipsisType = ...,
        headers: Mapping[str, str] | EllipsisType = ...,
        auth: Mapping[str, str] | EllipsisType | None = ...,
        rate_per_second: float | EllipsisType | None = ...,
        max_in_flight: int | EllipsisType = ...,
        retry_schedule: Sequence[float] | EllipsisType | None = ...,
        condition: str | EllipsisType | None = ...,
        condition_example: Example | EllipsisType = ...,
        fields: Sequence[str] | EllipsisType | None = ...,
        payload: str | EllipsisType = ...,
        ids: str | EllipsisType | None = ...,
        idempotency_key: str | None = None,
    ) -> NewEndpoint:
        """Make an endpoint; the answer holds its signing secret. Without a URL nothing is sent to it: its stream is
        read, by `consumer`."""
        body = given(
            url=url,
            event_types=event_types,
            enabled=enabled,
            description=description,
            signature_profiles=signature_profiles,
            signature_algorithms=signature_algorithms,
            body_format=body_format,
            headers=headers,
            auth=auth,
            rate_per_second=rate_per_second,
            max_in_flight=max_in_flight,
            retry_schedule=retry_schedule,
            condition=condition,
            condition_example=_dumped(condition_example),
            fields=fields,
            payload=payload,
            ids=ids,
        )
        return await self._post(at("endpoints"), NewEndpoint, body, idempotency_key=idempotency_key)

    async def get(self, endpoint_id: str) -> Endpoint:
        """Return an endpoint."""
        return await self._get(at("endpoints", endpoint_id), Endpoint)

    async def page(self, *, limit: int | None = None, cursor: str | None = None) -> Page[Endpoint]:
        """Return one page, the newest first."""
        return await self._page(at("endpoints"), Endpoint, {"limit": limit, "cursor": cursor})

    def every(self) -> AsyncIterator[Endpoint]:
        """Yield all, the newest first."""
        return self._every(at("endpoints"), Endpoint, {"limit": 1000})

    async def change(
        self,
        endpoint_id: str,
        *,
        url: str | EllipsisType = ...,
        event_types: Sequence[str] | EllipsisType = ...,
        enabled: bool | EllipsisType = ...,
        description: str | EllipsisType = ...,
        signature_profiles: Sequence[str] | EllipsisType = ...,
        signature_algorithms: Sequence[str] | EllipsisType = ...,
        body_format: str | EllipsisType = ...,
        headers: Mapping[str, str] | EllipsisType = ...,
        auth: Mapping[str, str] | EllipsisType | None = ...,
        rate_per_second: float | EllipsisType | None = ...,
        max_in_flight: int | EllipsisType = ...,
        retry_schedule: Sequence[float] | EllipsisType | None = ...,
        condition: str | EllipsisType | None = ...,
        condition_example: Example | EllipsisType = ...,
        fields: Sequence[str] | EllipsisType | None = ...,
        payload: str | EllipsisType = ...,
        ids: str | EllipsisType | None = ...,
    ) -> Endpoint:
        """Change what is given."""
        body = given(
            url=url,
            event_types=event_types,
            enabled=enabled,
            description=description,
            signature_profiles=signature_profiles,
            signature_algorithms=signature_algorithms,
            body_format=body_format,
            headers=headers,
            auth=auth,
            rate_per_second=rate_per_second,
            max_in_flight=max_in_flight,
            retry_schedule=retry_schedule,
            condition=condition,
            condition_example=_dumped(condition_example),
            fields=fields,
            payload=payload,
            ids=ids,
        )
        return await self._patch(at("endpoints", endpoint_id), Endpoint, body)

    async def try_condition(self, condition: str, example: Example) -> ConditionTried:
        """Tell whether a condition would hold for an event; nothing is kept."""
        body = {"condition": condition, "example": _dumped(example)}
        return await self._post(at("endpoints", "try-condition"), ConditionTried, body)

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint."""
        await self._delete(at("endpoints", endpoint_id))

    async def secret(self, endpoint_id: str) -> Secrets:
        """Return what its deliveries are signed with."""
        return await self._get(at("endpoints", endpoint_id, "secret"), Secrets)

    async def public_keys(self, endpoint_id: str) -> list[PublicKey]:
        """Return the keys that verify its `v1a` signatures, the current one first."""
        answer = await self._transport.call("GET", at("endpoints", endpoint_id, "jwks.json"))
        return [PublicKey.model_validate(each) for each in answer.body["keys"]]

    async def rotate_secret(self, endpoint_id: str, *, overlap_seconds: int | EllipsisType = ...) -> Secrets:
        """Replace the secret; the present one signs beside it until the overlap ends."""
        body = given(overlap_seconds=overlap_seconds)
        return await self._post(at("endpoints", endpoint_id, "rotate-secret"), Secrets, body)

    async def enable(self, endpoint_id: str) -> Endpoint:
        """Enable an endpoint."""
        return await self._post(at("endpoints", endpoint_id, "enable"), Endpoint)

    async def test(self, endpoint_id: str, *, event_type: str | EllipsisType = ...) -> Delivery:
        """Send a test event."""
        return await self._post(at("endpoints", endpoint_id, "test"), Delivery, given(event_type=event_type))

    async def replay(
        self, endpoint_id: str, *, since: datetime, until: datetime, event_types: Sequence[str] = ()
    ) -> str:
        """Deliver what the log took from `since` until `until` once more; return the id of the replay."""
        body = {"since": since.isoformat(), "until": until.isoformat(), "event_types": list(event_types)}
        answer = await self._transport.call("POST", at("endpoints", endpoint_id, "replay"), body=body)
        return str(answer.body["replay_id"])

    async def redeliver(
        self,
        endpoint_id: str,
        *,
        status: str | EllipsisType = ...,
        event_types: Sequence[str] | EllipsisType = ...,
        subject: str | EllipsisType = ...,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Redelivery:
        """Deliver all dead letters once more, or what is chosen; many may not be done when this returns."""
        moments = {name: moment for name, moment in stretch(since, until).items() if moment is not None}
        body = given(status=status, event_types=event_types, subject=subject) | moments
        return await self._post(at("endpoints", endpoint_id, "redeliver"), Redelivery, body)

    async def redelivery(self, endpoint_id: str, redelivery_id: str) -> Redelivery:
        """Return how far a redelivery is."""
        return await self._get(at("endpoints", endpoint_id, "redeliveries", redelivery_id), Redelivery)

    async def events(
        self, endpoint_id: str, *, after: int | None = None, limit: int | None = None, wait: float | None = None
    ) -> list[StreamedEvent]:
        """Return what the endpoint's stream has behind the number `after`, or behind what was committed, waiting up to
        `wait` seconds (60 at most) for something to come."""
        return (await self.stream_page(endpoint_id, after=after, limit=limit, wait=wait)).data

    async def stream_page(
        self, endpoint_id: str, *, after: int | None = None, limit: int | None = None, wait: float | None = None
    ) -> StreamPage:
        """Return the same, with the numbers where it begins and ends, and up to where the stream was committed."""
        query = {"after": after, "limit": limit}
        answer = await self._transport.call("GET", at("endpoints", endpoint_id, "events"), query=query, wait=wait)
        return StreamPage.model_validate(answer.body)

    async def pushed(self, endpoint_id: str, *, after: int) -> AsyncIterator[list[StreamedEvent]]:
        """Yield what comes behind the number `after` as server-sent events, in the pieces in which it comes, until the
        gateway ends the request. Raises `EventsGone`."""
        parser = ServerSentParser()
        opened = self._transport.opened(
            at("endpoints", endpoint_id, "events"),
            query={},
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
            silence=_SILENCE,
        )
        async with opened as pieces:
            async for piece in pieces:
                batch = []
                for each in parser.feed(piece):
                    if each.id is not None:
                        batch.append(StreamedEvent.model_validate_json(each.data))
                    elif each.event == "gone":
                        if batch:
                            yield batch
                        raise EventsGone(410, orjson.loads(each.data))
                if batch:
                    yield batch

    async def commit(self, endpoint_id: str, after: int) -> int:
        """Keep that the stream was handled up to a number; return up to where it was said to be before."""
        body = {"after": after}
        answer = await self._transport.call("POST", at("endpoints", endpoint_id, "events", "commit"), body=body)
        return int(answer.body["before"])

    def consumer(
        self,
        endpoint_id: str,
        *,
        after: int | None = None,
        push: bool = False,
        commit: bool = True,
        skip_gone: bool = False,
        patience: float | None = None,
    ) -> Consumer:
        """Return a consumer of the endpoint's stream."""
        return Consumer(
            self, endpoint_id, after=after, push=push, commit=commit, skip_gone=skip_gone, patience=patience
        )

    async def follow(self, endpoint_id: str, *, after: int | None = None) -> AsyncIterator[StreamedEvent]:
        """Yield what the stream has behind the number `after`, or behind what was committed, and then what comes,
        without an end. Keep the number of what you have handled: it is the `after` to go on with."""
        async for event in self.consumer(endpoint_id, after=after, commit=False).events():
            yield event

    async def ledger(self, endpoint_id: str) -> Ledger:
        """Return how many deliveries stand where."""
        return await self._get(at("endpoints", endpoint_id, "ledger"), Ledger)


def _dumped(example: Example | EllipsisType) -> dict[str, Any] | EllipsisType:
    return example.model_dump(exclude_none=True) if isinstance(example, Example) else example
