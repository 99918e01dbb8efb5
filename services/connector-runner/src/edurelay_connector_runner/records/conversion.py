"""From a provider's record to one that may travel, or to a rejection that says what is wrong with it. Pure.

A record that cannot be used never stops its neighbours, whatever is wrong with it: the connector says so, its data
do not fit the model, they could not be stored, or the connector itself stumbles over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edurelay.messages.records import Record, Rejected
from edurelay.model import Reference
from edurelay_connector_runner.records import storable
from edurelay_connector_runner.sdk import BadRecord, Connector, Page, Rejection, SourceRecord, Stream

#: Under this name the ledger keeps what is shown of something that was rejected and is no record to be tried again.
_SHOWN_ONLY = "not_tried_again"

_EXTERNAL_ID: TypeAdapter[str] = TypeAdapter(Reference)


@dataclass(frozen=True, slots=True)
class Converted:
    """A usable record, and its size as JSON text in bytes."""

    record: Record
    size: int


@dataclass(slots=True)
class ConvertedPage:
    """What became of one page: every record and every rejection of it is in one of the two lists."""

    records: list[Converted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def source(self) -> int:
        """How many records the provider gave."""
        return len(self.records) + len(self.rejected)


def convert_page(connector: Connector, stream: Stream, page: Page) -> ConvertedPage:
    """Convert all of a page."""
    converted = convert_records(connector, stream, page.records)
    converted.rejected.extend(_from_rejection(rejection) for rejection in page.rejected)
    return converted


def convert_records(connector: Connector, stream: Stream, records: Sequence[SourceRecord]) -> ConvertedPage:
    """Convert records of one stream."""
    converted = ConvertedPage()
    for source in records:
        try:
            converted.records.append(_convert(connector, stream, source.raw))
        except BadRecord as error:
            converted.rejected.append(_rejected(source, error.reason, error.field))
        except storable.Unstorable as error:
            converted.rejected.append(_rejected(source, error.reason, error.field))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            converted.rejected.append(_rejected(source, first["msg"], ".".join(map(str, first["loc"]))))
        # `convert` is a connector's own code over a provider's data: whatever it raises is about this record.
        except Exception as error:
            reason = f"the connector could not convert the record ({type(error).__name__}: {error})"
            converted.rejected.append(_rejected(source, reason, None))
    return converted


def may_be_tried_again(raw: Any) -> bool:
    """Tell whether what was kept of something that was rejected is a record."""
    return raw is not None and not (isinstance(raw, dict) and raw.keys() == {_SHOWN_ONLY})


def _convert(connector: Connector, stream: Stream, raw: Any) -> Converted:
    external_id, entity = connector.convert(stream.name, raw)
    try:
        _EXTERNAL_ID.validate_python(external_id, strict=True)
    except ValidationError as error:
        raise BadRecord(f"the external id cannot be used: {error.errors()[0]['msg']}", field="id") from error
    if entity.type is not stream.entity_type:
        raise BadRecord(f"the connector made a {entity.type} of a record of {stream.name}")
    # Fields without a value are left out, so that a field that the model gains later changes nobody's record.
    attributes = {name: value for name, value in entity.model_dump().items() if value is not None}
    return Converted({"external_id": external_id, "attributes": attributes}, storable.check(attributes))


def _rejected(source: SourceRecord, reason: str, field: str | None) -> Rejected:
    rejected: Rejected = {"reason": storable.readable(reason)}
    if source.raw is not None:
        rejected["raw"] = storable.nearest(source.raw)
    if field:
        rejected["field"] = storable.readable(field)
    if source.where is not None:
        rejected["where"] = storable.readable(source.where)
    if source.line is not None:
        rejected["line"] = source.line
    return rejected


def _from_rejection(rejection: Rejection) -> Rejected:
    raw = rejection.raw if rejection.whole or rejection.raw is None else {_SHOWN_ONLY: rejection.raw}
    rejected = _rejected(SourceRecord(raw, rejection.where, rejection.line), rejection.reason, rejection.field)
    if rejection.column is not None:
        rejected["column"] = rejection.column
    return rejected
