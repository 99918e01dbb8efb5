"""What became of the records of a run."""

from __future__ import annotations

import asyncio

from edurelay.messages.runs import Counts
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery, decode_cursor, encode_cursor
from edurelay_mapping.api.models import Outcomes, OutcomesQuestion, RejectedPage, RejectedView, Resolved
from edurelay_mapping.api.tenants import ROOT, Tenants

RUN = f"{ROOT}/runs/{{run}}"


class RunsApi:
    """Outcomes and rejected records."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    @operation(
        "POST",
        f"{RUN}/outcomes",
        summary="Ask what became of a run's batches",
        tag="runs",
        auth="internal",
        body=OutcomesQuestion,
        answers={200: Outcomes},
    )
    async def ask_outcomes(self, call: Call[OutcomesQuestion, None]) -> Answer:
        """The sums may run ahead of `missing`, never behind: they are taken after it."""
        repository, run = self._tenants.repository(call.path), call.path["run"]
        segments = call.body.segments
        known = await asyncio.gather(*(repository.count_outcomes(run, each.epoch, each.through) for each in segments))
        sums = await repository.outcome_sums(run)
        return Answer(
            body=Outcomes(
                missing=sum(each.through for each in segments) - sum(known),
                streams={stream: Counts(**counts) for stream, counts in sums.items()},
            )
        )

    @operation(
        "GET",
        f"{RUN}/rejected",
        summary="List the records that a run rejected",
        tag="runs",
        auth="internal",
        query=PageQuery,
        answers={200: RejectedPage},
    )
    async def list_rejected(self, call: Call[None, PageQuery]) -> Answer:
        """With the reason, and the record as it was read."""
        query = call.query
        after = decode_cursor(query.cursor, str)[0] if query.cursor is not None else None
        found = await self._tenants.repository(call.path).rejected(call.path["run"], query.limit, after)
        cursor = encode_cursor(found[-1]["_id"]) if len(found) == query.limit else None
        return Answer(body=RejectedPage(data=[RejectedView.of(each) for each in found], next_cursor=cursor))

    @operation(
        "POST",
        f"{RUN}/rejected/resolved",
        summary="Mark rejected records as tried again",
        tag="runs",
        auth="internal",
        body=Resolved,
        answers={204: None},
    )
    async def resolve_rejected(self, call: Call[Resolved, None]) -> Answer:
        """What is marked already is marked anew."""
        await self._tenants.repository(call.path).resolve(call.path["run"], call.body.ids, call.body.run_id)
        return Answer(204)
