"""Fresh records, in batches as the runner makes them, and as files that it can read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from edurelay.events.envelope import Message, now
from edurelay.events.ids import new_id
from edurelay.messages.records import Record
from edurelay.model import EntityType
from edurelay_connector_runner.records.batches import Origin, messages
from edurelay_connector_runner.records.conversion import Converted, ConvertedPage
from edurelay_connector_runner.sdk import Stream

#: A page of a provider; its records are parted into one message for each shard.
PAGE = 500

_STREAM = Stream(name="students", entity_type=EntityType.STUDENT, primary_key=("id",))

#: What `write_files` writes, as the CSV connector has to be told of it.
LAYOUT: dict[str, Any] = {
    "streams": {
        "students": {
            "entity_type": "student",
            "files": "students.csv",
            "key": ["id"],
            "fields": {
                "name": "name",
                "given_name": "given_name",
                "family_name": "family_name",
                "email": "email",
                "username": "username",
                "number": "id",
            },
        }
    }
}


def student(number: int, school: str) -> dict[str, Any]:
    """Return a student's attributes."""
    return {
        "name": f"María Fernanda Núñez {number}",
        "given_name": "María Fernanda",
        "family_name": f"Núñez {number}",
        "email": f"student.{number}@{school}.example.org",
        "username": f"student{number}",
        "number": str(number),
        "active": True,
        "extra": {"year": 10, "house": "Northfield", "language": "es"},
    }


def batches(tenant: str, count: int) -> Iterator[Message]:
    """Yield the messages of a sync of `count` records that nobody has seen before."""
    origin = Origin(new_id("run"), 1, tenant, new_id("conn"))
    sent = 0
    for start in range(0, count, PAGE):
        records = []
        for number in range(start, min(start + PAGE, count)):
            attributes = student(number, origin.connection_id)
            record: Record = {"external_id": f"{origin.connection_id}-{number}", "attributes": attributes}
            records.append(Converted(record, len(orjson.dumps(attributes))))
        for message in messages(origin, _STREAM, ConvertedPage(records=records), now(), after=sent):
            sent += 1
            yield message


def write_files(folder: Path, count: int) -> None:
    """Write a folder of `count` students, to be read by `LAYOUT`."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["id", "name", "given_name", "family_name", "email", "username"]
    with (folder / "students.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        for number in range(count):
            writer.writerow({"id": number, **student(number, "northfield")})
