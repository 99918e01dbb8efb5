"""Every event type, declared once: the JSON Schemas, the AsyncAPI document and the reference page come from here.

Types that a founding document names hold the fields that it documents, spelled as it spells them. Besides, each
kind of entity has `<entity>.created`, `.updated` and `.deleted`. Where the two coincide they are one declaration.
Consumers ignore fields that they do not know, so a type may grow, and never loses a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from edurelay.model import Entity, EntityType, model_of

COURSE_MANAGEMENT = "course-management.md"
SKILL_PASSPORT = "skill-passport.md"
#: The source of the entity events: the canonical model itself, from which their data follows.
ENTITY_MODEL = "edurelay.model"
#: The source of what Edurelay tells of its own work; see `operational`.
OPERATION = "edurelay.operation"


class EventData(BaseModel):
    """What all event data share: further fields are allowed. Used itself where a document names a type and leaves
    its data open."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: its name, a sentence on when it happens, the model of its data, and where it is documented."""

    name: str
    summary: str
    data: type[BaseModel]
    source: str


class Happening(StrEnum):
    """What can happen to an entity."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


def entity_event_type(entity_type: str, happening: Happening) -> str:
    """Return the name of the event type for something that happened to a kind of entity."""
    return f"{entity_type}.{happening}"


class UserRegistered(EventData):
    """The documented example of course-management.md."""

    userId: int | str  # noqa: N815  the document's spelling
    email: str
    name: str
    studentId: str | None = None  # noqa: N815
    registrationDate: str | None = None  # noqa: N815


class UrgentNotification(EventData):
    """The documented condition of a conditional webhook reads `priority`."""

    priority: str | None = None


class StudentEnrolled(EventData):
    """`{student_id, course_id}`"""

    student_id: str
    course_id: str


class AssessmentCompleted(EventData):
    """`{student_id, assessment_id, result_id}`"""

    student_id: str
    assessment_id: str
    result_id: str


class ApplicationSubmitted(EventData):
    """`{application_id, student_id, opportunity_id}`"""

    application_id: str
    student_id: str
    opportunity_id: str


class ApplicationStageChanged(EventData):
    """`{application_id, old_stage, new_stage}`"""

    application_id: str
    old_stage: str
    new_stage: str


class PaymentCompleted(EventData):
    """`{payment_id, amount, student_id}`"""

    payment_id: str
    amount: int | float | str
    student_id: str


class CourseCompleted(EventData):
    """`{student_id, course_id, certificate_url}`"""

    student_id: str
    course_id: str
    certificate_url: str | None = None


class EndpointDisabled(EventData):
    """Who wants to know it has another endpoint, since this one gets nothing any more."""

    endpoint_id: str
    reason: str
    probed: bool = Field(description="It is tried once an hour, and enabled again where that succeeds.")


class EndpointFailing(EventData):
    """Told at 50, 70 and 90 percent of the way to the endpoint's being disabled."""

    endpoint_id: str
    failing_since: str
    percent: int
    disabled_after: str = Field(description="From then on the next failure disables it.")


class EndpointRecovered(EventData):
    """Told of an endpoint of which it was told that it fails."""

    endpoint_id: str
    failing_since: str
    was_disabled: bool


class DeliveryExhausted(EventData):
    """Told at most once an hour of each endpoint; the endpoint's dead letters are in the API."""

    endpoint_id: str
    delivery_id: str
    event_id: str
    event_type: str
    attempts: int
    last_status: int | None = None
    last_error: str | None = None


def _attributes_model(model: type[Entity]) -> type[BaseModel]:
    """Return the model of an entity's attributes as they leave the hub: a reference is there with both its ids."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in model.references:
            target = model.references[name]
            fields[f"{name}_id"] = (str | None, Field(None, description=f"The inside id of the {target}."))
            fields[f"{name}_external_id"] = (str | None, Field(None, description="The same, as the provider has it."))
        else:
            fields[name] = (field.annotation, field)
    return create_model(f"{model.__name__}Attributes", __base__=EventData, **fields)


def _entity_data_model(model: type[Entity], title: str, *, documented: bool) -> type[BaseModel]:
    """Return the data of one kind's events. A `documented` type may be published by others, who know only the
    documented fields: what the hub adds is optional there."""
    added: dict[str, Any] = {
        "connection_id": (str, Field(description="The connection that the record came through.")),
        "external_id": (str, Field(description="The provider's id of the record.")),
        "version": (int, Field(ge=1, description="Counts the changes of the entity, from 1.")),
        "changed": (list[str], Field(description="The attributes that changed; empty at creation.")),
        "attributes": (_attributes_model(model), Field(description="The canonical record; absent means unknown.")),
    }
    if documented:
        added = {
            name: (annotation | None, Field(None, description=f.description)) for name, (annotation, f) in added.items()
        }
    identity: dict[str, Any] = {f"{model.type}_id": (str, Field(description="The inside id."))}
    headline: dict[str, Any] = {name: (model.model_fields[name].annotation, ...) for name in model.headline}
    return create_model(title, __base__=EventData, **identity, **headline, **added)


_SUMMARIES = {
    Happening.CREATED: "A provider's {kind} was seen for the first time.",
    Happening.UPDATED: "A provider's {kind} changed.",
    Happening.DELETED: "A provider no longer has a {kind} that it had.",
}

_OPEN = {
    "user.login": "A user logged in.",
    "module.created": "A new module was created.",
    "module.updated": "A module's information was updated.",
    "timetable.created": "A test or exam was scheduled.",
    "timetable.updated": "A test's or exam's details changed.",
    "note.uploaded": "New study material was uploaded.",
    "lecturer.assigned": "A lecturer was assigned to a module.",
    "grade.published": "Grades were published to students.",
    "system.error": "A system error or exception occurred.",
    "settings.updated": "System settings changed.",
    "test.reminder": "A test is coming up.",
    "assignment.reminder": "An assignment's deadline is coming up.",
    "custom.event": "An application triggered an event of its own.",
}


def _documented() -> list[EventType]:
    """Return what the founding documents name, but for what coincides with an entity event."""
    return [
        EventType("user.registered", "A new user registered.", UserRegistered, COURSE_MANAGEMENT),
        *(EventType(name, summary, EventData, COURSE_MANAGEMENT) for name, summary in _OPEN.items()),
        EventType("urgent.notification", "Something needs attention now.", UrgentNotification, COURSE_MANAGEMENT),
        EventType("student.enrolled", "A student enrolled in a course.", StudentEnrolled, SKILL_PASSPORT),
        EventType("assessment.completed", "An assessment was submitted.", AssessmentCompleted, SKILL_PASSPORT),
        EventType("application.submitted", "A job application was submitted.", ApplicationSubmitted, SKILL_PASSPORT),
        EventType(
            "application.stage.changed", "An application's stage was updated.", ApplicationStageChanged, SKILL_PASSPORT
        ),
        EventType("payment.completed", "A payment was successful.", PaymentCompleted, SKILL_PASSPORT),
        EventType("course.completed", "A student finished a course.", CourseCompleted, SKILL_PASSPORT),
    ]


def _operational() -> list[EventType]:
    """Return what Edurelay tells of its own work."""
    return [
        EventType("endpoint.disabled", "An endpoint was disabled, and not by its owner.", EndpointDisabled, OPERATION),
        EventType("endpoint.failing", "Nothing has arrived at an endpoint for days.", EndpointFailing, OPERATION),
        EventType("endpoint.recovered", "A failing endpoint takes deliveries again.", EndpointRecovered, OPERATION),
        EventType("delivery.exhausted", "Every attempt of a delivery failed.", DeliveryExhausted, OPERATION),
    ]


#: The entity events that a founding document names as well, with the document.
_COINCIDING = {"student.created": SKILL_PASSPORT}


def _entity_events() -> list[EventType]:
    """Return what can happen to each kind of entity."""
    types = []
    for entity_type in EntityType:
        model = model_of(entity_type)
        for happening, summary in _SUMMARIES.items():
            name = entity_event_type(entity_type, happening)
            source = _COINCIDING.get(name, ENTITY_MODEL)
            title = f"{model.__name__}{happening.capitalize()}"
            data = _entity_data_model(model, title, documented=name in _COINCIDING)
            types.append(EventType(name, summary.format(kind=entity_type), data, source))
    return types


#: Every event type by its name.
EVENT_TYPES: Mapping[str, EventType] = MappingProxyType(
    {declared.name: declared for declared in [*_documented(), *_entity_events(), *_operational()]}
)
