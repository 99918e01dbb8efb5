"""Collections and their indexes, declared beside the code that uses them and created when a service connects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import IndexModel
from pymongo.errors import OperationFailure

#: One document as the driver takes and gives it.
Document: TypeAlias = dict[str, Any]

#: A collection of such documents.
Collection: TypeAlias = AsyncIOMotorCollection[Document]

_CONFLICTS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict


class IndexMismatch(Exception):
    """An index of the database differs from its declaration. Drop it, or migrate the collection, then start again."""


@dataclass(frozen=True)
class Index:
    """One index. `sparse` leaves out documents without the indexed fields, `partial` those that its filter does not
    match; `expire_after_seconds` makes the database collect, some time later, documents whose moment in the indexed
    field has passed: garbage collection, never logic."""

    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None

    @property
    def name(self) -> str:
        """The index's name in the database, as `DuplicateKey.index_name` gives it back."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)

    def model(self) -> IndexModel:
        """Return the declaration in the driver's form."""
        options: dict[str, Any] = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.sparse:
            options["sparse"] = True
        if self.partial is not None:
            options["partialFilterExpression"] = self.partial
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return IndexModel(list(self.keys), **options)


@dataclass(frozen=True)
class CollectionSpec:
    """A collection and the indexes that its queries rely on."""

    name: str
    indexes: tuple[Index, ...] = ()


async def create_indexes(collection: Collection, spec: CollectionSpec) -> None:
    """Create what is declared and not there yet; several replicas may do so at once. Raises `IndexMismatch`."""
    if not spec.indexes:
        return
    try:
        await collection.create_indexes([index.model() for index in spec.indexes])
    except OperationFailure as error:
        if error.code in _CONFLICTS:
            raise IndexMismatch(f"collection {spec.name}: {error.details or error}") from error
        raise
