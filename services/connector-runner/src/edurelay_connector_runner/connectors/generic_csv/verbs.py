"""The connector: the five verbs over a folder of CSV files. All work on files happens in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from edurelay.model import Entity, EntityType
from edurelay_connector_runner.connectors.generic_csv.config import Config, Credentials
from edurelay_connector_runner.connectors.generic_csv.exporter import Exporter
from edurelay_connector_runner.connectors.generic_csv.folder import find, open_folder
from edurelay_connector_runner.connectors.generic_csv.reader import StreamReader
from edurelay_connector_runner.connectors.generic_csv.rendering import RecordWriter, Unwritable
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.connectors.generic_csv.source import Source
from edurelay_connector_runner.sdk import (
    BadRecord,
    Change,
    CheckReport,
    ConfigurationError,
    Connector,
    ConnectorError,
    Context,
    Cursor,
    Manifest,
    OutboundRecord,
    Page,
    Permanent,
    PushReport,
    SourceRecord,
    Stream,
    Transient,
    Webhook,
)

#: How many records are handed to the thread that writes an export at a time.
_EXPORT_BATCH = 200

_ORDER = list(EntityType)

_Model = TypeVar("_Model", bound=BaseModel)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Told(BaseModel):
    """An inbound webhook: rows of one stream, as they would stand in its files."""

    model_config = ConfigDict(extra="forbid", strict=True)

    stream: str
    records: list[dict[str, str]]


class GenericCsv(Connector):
    """One folder of CSV files, and maybe one to write to."""

    manifest = Manifest.load(Path(__file__).parent, Config, Credentials)
    Config = Config
    Credentials = Credentials

    def __init__(self, context: Context) -> None:
        """Check the config. Raises `ConfigurationError` naming the field."""
        super().__init__(context)
        self._config = _validated(Config, context.config, "config")
        _validated(Credentials, context.credentials, "credentials")

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        layout = self._config.effective_layout
        return {name: Shape(layout, name) for name, stream in layout.streams.items() if stream.enabled}

    async def check(self) -> CheckReport:
        """Look for the folder and the files of each stream, and read their headers."""
        return await asyncio.to_thread(self._check)

    def streams(self) -> Sequence[Stream]:
        """Return the layout's streams: kinds that are pointed to come before those that point to them."""
        shapes = sorted(self._shapes.items(), key=lambda item: _ORDER.index(item[1].layout.entity_type))
        return [
            Stream(
                name=name,
                entity_type=shape.layout.entity_type,
                primary_key=shape.layout.key,
                depends_on=tuple(
                    other
                    for other, target in shapes
                    if other != name and target.layout.entity_type in _referred_to(shape)
                ),
            )
            for name, shape in shapes
        ]

    async def read(self, stream: str, cursor: Cursor | None) -> AsyncIterator[Page]:
        """Yield the stream's pages. A cursor of files that have changed since means the beginning."""
        reader = StreamReader(self.context.files, self._import_folder, self._shape(stream), cursor)
        try:
            while not await asyncio.to_thread(reader.catch_up):
                pass
            while not reader.finished:
                yield await asyncio.to_thread(reader.next_page)
        finally:
            await asyncio.to_thread(reader.close)

    def convert(self, stream: str, raw: Any) -> tuple[str, Entity]:
        """Return the external id and the entity of a row."""
        return self._shape(stream).convert(raw)

    async def push(self, stream: str, records: AsyncIterator[OutboundRecord]) -> PushReport:
        """Write the records to the stream's file in `exportPath`, which they replace as a whole."""
        exporter = await asyncio.to_thread(self._exporter, stream)
        try:
            await _written(exporter.open)
            batch: list[OutboundRecord] = []
            async for record in records:
                batch.append(record)
                if len(batch) >= _EXPORT_BATCH:
                    await _written(exporter.write, batch)
                    batch = []
            await _written(exporter.write, batch)
            return await _written(exporter.commit)
        finally:
            await asyncio.to_thread(exporter.close)

    def parse_webhook(self, webhook: Webhook) -> Sequence[Change]:
        """Read `{"stream": "…", "records": [{column: text}]}`. Columns that the stream does not take are dropped."""
        try:
            told = _Told.model_validate_json(webhook.body)
        except ValidationError as error:
            field, message = _first_of(error)
            raise BadRecord(message, field=field) from error
        if told.stream not in self._shapes:
            raise BadRecord(f"there is no stream {told.stream!r}", field="stream")
        shape = self._shapes[told.stream]
        rows = [{column: row[column] for column in row if shape.takes(column)} for row in told.records]
        records = [SourceRecord(row, f"records[{n}]") for n, row in enumerate(rows) if _counts(shape, row)]
        return [Change(told.stream, records=records)]

    def _shape(self, stream: str) -> Shape:
        try:
            return self._shapes[stream]
        except KeyError:
            raise ConfigurationError(f"the layout has no stream {stream!r}") from None

    def _import_folder(self) -> Path:
        return open_folder(self.context.files, self._config.import_path)

    def _exporter(self, stream: str) -> Exporter:
        if self._config.export_path is None:
            raise ConfigurationError("config.exportPath is needed, the folder to which exports are written")
        shape = self._shape(stream)
        siblings = [
            other
            for other in self._shapes.values()
            if other is not shape and other.layout.entity_type is shape.layout.entity_type and other.layout.extra != "*"
        ]
        try:
            writer, *others = map(RecordWriter, (shape, *siblings))
        except Unwritable as error:
            raise Permanent(f"the stream {stream} cannot be exported: {error}") from error
        folder = open_folder(self.context.files, self._config.export_path)
        return Exporter(folder / (shape.layout.export_name or f"{stream}.csv"), writer, others)

    def _check(self) -> CheckReport:
        problems: list[str] = []
        files: dict[str, list[str]] = {}
        missing_columns: dict[str, list[str]] = {}
        try:
            folder = self._import_folder()
            if self._config.export_path is not None:
                open_folder(self.context.files, self._config.export_path)
        except ConnectorError as error:
            return CheckReport(ok=False, message=str(error), problems=[str(error)])
        for name, shape in self._shapes.items():
            try:
                headers = self._headers(folder, shape)
            except ConnectorError as error:
                problems.append(f"{name}: {error}")
                continue
            files[name] = list(headers)
            for file, header in headers.items():
                if absent := [column for column in shape.columns if column not in header]:
                    missing_columns[f"{name}, {file}"] = absent
        if not problems and not any(files.values()):
            problems.append(f"{self._config.import_path} holds no file of the layout")
        return CheckReport(
            ok=not problems,
            message=problems[0] if problems else f"{len({*chain(*files.values())})} files can be read",
            problems=problems,
            details={"files": files, "missing_columns": missing_columns},
        )

    def _headers(self, folder: Path, shape: Shape) -> dict[str, Sequence[str]]:
        """Return the header of each file of a stream, having read one row behind it."""
        found = find(self.context.files, folder, shape.layout.files)
        if not found and not shape.layout.optional:
            raise Permanent(f"no file matches {shape.layout.files}")
        headers = {}
        for file in found:
            with file.open() as opened:
                source = Source(file.name, opened, shape)
                next(iter(source), None)
                headers[file.name] = source.header
        return headers


def _referred_to(shape: Shape) -> set[EntityType]:
    references = shape.layout.model.references
    return {references[field.name] for field in shape.fields if not field.in_extra and field.name in references}


async def _written(work: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
    """Do a part of an export in a thread. Raises `Transient` where the disk does not take it."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise Transient(f"the export cannot be written: {error.strerror}") from error


def _validated(model: type[_Model], values: Mapping[str, Any], part: str) -> _Model:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        field, message = _first_of(error)
        where = f"{part}.{field}" if field else part
        raise ConfigurationError(f"{where}: {message}") from error


def _first_of(error: ValidationError) -> tuple[str | None, str]:
    """Return the field of the first mistake, and what is wrong with it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(map(str, first["loc"])) or None, first["msg"].removeprefix("Value error, ")


def _counts(shape: Shape, row: dict[str, str]) -> bool:
    """Say whether a row is a record; one for which that cannot be said is, so that its conversion tells why not."""
    try:
        return shape.includes(row)
    except BadRecord:
        return True
