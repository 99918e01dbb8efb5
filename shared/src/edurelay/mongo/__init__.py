"""MongoDB: the only package that knows the driver. What the services need of the driver is named here.

Two habits keep a query as fast on the embedded server as on MongoDB itself: the embedded one reads the whole collection
where a filter holds `$or`, `$and` or `$expr` at its top, and for every `find_one_and_update` that finds something. So
what may grow large is changed by `update_one` with a plain filter, `_id` first, and read by `find_one`.
"""

from pymongo import ASCENDING, DESCENDING, DeleteOne, InsertOne, ReturnDocument, UpdateMany, UpdateOne
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
    "UpdateMany",
    "UpdateOne",
]
