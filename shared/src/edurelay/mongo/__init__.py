"""MongoDB: the only package that knows the driver. What the services need of the driver is named here."""

from pymongo import ASCENDING, DESCENDING, DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from edurelay.mongo.client import Database, StoreUnavailable
from edurelay.mongo.collections import Collection, CollectionSpec, Document, Index, IndexMismatch

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "BulkWriteError",
    "Collection",
    "CollectionSpec",
    "Database",
    "DeleteOne",
    "Document",
    "DuplicateKeyError",
    "Index",
    "IndexMismatch",
    "InsertOne",
    "ReturnDocument",
    "StoreUnavailable",
    "UpdateOne",
]
