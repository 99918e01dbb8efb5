"""What the API sends back, typed. Fields that a newer API adds are kept out of the way."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

T = TypeVar("T")


class Model(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Model, Generic[T]):
    """One page of a list; `next_cursor` is None on the last."""

    data: list[T]
    next_cursor: str | None = None


class NewEvent(BaseModel):
    """An event to publish."""

    model_config = ConfigDict(extra="forbid")

    type: str
    data: dict[str, Any]
    id: str | None = None
    subject: str | None = None
    time: str | None = None


class ItemError(Model):
    """Why one event of a batch was not accepted."""

    code: str
    detail: str
    field: str | None = None


class EventOutcome(Model):
    """What became of one event of a batch: its id, or why it was not accepted."""

    id: str | None = None
    error: ItemError | None = None


class EventSummary(Model):
    """An event without its data."""

    id: str
    type: str
    subject: str | None = None
    time: str
    source: str


class EventDelivery(Model):
    """Where an event went."""

    id: str
    endpoint_id: str
    status: str
    attempts: int


class Event(EventSummary):
    """An event, its data (None where `data_available` is False), and where it went."""

    data: Any = None
    data_available: bool = True
    deliveries: list[EventDelivery] = []


class Example(BaseModel):
    """An event to try a condition on. Without a `time` it happens now."""

    model_config = ConfigDict(extra="forbid")

    type: str
    data: dict[str, Any]
    subject: str | None = None
    time: str | None = None


class ConditionTried(Model):
    """Whether a condition holds for an example; None where it fails, for the reason in `error`."""

    matched: bool | None
    error: str | None = None


class ConditionFailure(Model):
    """How often an endpoint's condition failed, and when, why and for which event it did so last."""

    count: int
    at: str
    reason: str
    event_id: str


class Endpoint(Model):
    """Where events are delivered to. `in_force` is False while its last change is still on its way; of `auth` there is
    what may be shown; `example_matched` is the answer to a `condition_example`."""

    id: str
    url: str | None
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None = None
    probed: bool = False
    description: str
    signature_profiles: list[str]
    signature_algorithms: list[str] = ["v1"]
    body_format: str = "edurelay"
    headers: dict[str, str]
    auth: dict[str, Any] | None = None
    rate_per_second: float | None
    max_in_flight: int
    retry_schedule: list[float] | None
    condition: str | None = None
    condition_failure: ConditionFailure | None = None
    fields: list[str] | None = None
    payload: str = "full"
    ids: str | None = None
    example_matched: bool | None = None
    version: int
    in_force: bool
    created_at: str
    updated_at: str


class NewEndpoint(Endpoint):
    """An endpoint just made, with its signing secret, empty where nothing is sent, and its public key where it signs
    with Ed25519."""

    secret: Annotated[str, BeforeValidator(lambda value: value or "")]
    public_key: str | None = None


class PreviousSecret(Model):
    """A replaced secret that signs beside the current one until `expires_at`."""

    secret: str
    expires_at: str


class PreviousPublicKey(Model):
    """The public half of a replaced key that signs beside the current one until `expires_at`."""

    public_key: str
    expires_at: str


class Secrets(Model):
    """The current signing secret, and those that it is replacing; likewise the public keys of Ed25519."""

    secret: str
    previous: list[PreviousSecret] = []
    public_key: str | None = None
    previous_public_keys: list[PreviousPublicKey] = []


class PublicKey(Model):
    """A JSON Web Key; `whpk` is what `verify` takes."""

    kid: str
    x: str
    whpk: str


class Ledger(Model):
    """matched = delivered + pending + dead_lettered, always."""

    matched: int
    delivered: int
    pending: int
    dead_lettered: int


class StreamedEvent(Model):
    """One event in an endpoint's stream. `event` is what is delivered, None where the log no longer has it; where
    nothing is sent there is no delivery."""

    sequence: int
    delivery_id: str | None = None
    event_id: str
    event_type: str | None = None
    event: Any = None


class StreamPage(Model):
    """A part of a stream, behind the number `after`; `committed` is up to where the stream was handled."""

    data: list[StreamedEvent]
    after: int
    last: int
    committed: int


class Redelivery(Model):
    """How far a redelivery is. `skipped` are those whose event the log no longer has, or that changed meanwhile."""

    redelivery_id: str
    asked_at: str
    completed: bool
    redelivered: int
    skipped: int


class Delivery(Model):
    """One event on its way to one endpoint."""

    id: str
    event_id: str
    event_type: str
    subject: str | None = None
    endpoint_id: str
    sequence: int | None = None
    status: str
    reason: str | None = None
    attempts: int
    created_at: str
    updated_at: str
    next_attempt_at: str | None = None


class Timing(Model):
    """The milliseconds of an attempt's phases, None for one that did not take place."""

    lookup: float | None = None
    connect: float | None = None
    tls: float | None = None
    send: float | None = None
    wait: float | None = None
    read: float | None = None


class Attempt(Model):
    """One attempt to deliver. Of `request_headers`, values that may be secret are `***`."""

    number: int
    at: str
    duration_ms: float
    status_code: int | None = None
    error: str | None = None
    request_headers: dict[str, str] = {}
    response_headers: dict[str, str] = {}
    timing_ms: Timing = Timing()
    connection_reused: bool | None = None
    response_excerpt: str | None = None
    outcome: str


class WebhookSecret(Model):
    """A secret that inbound webhooks may be signed with, without itself; for good where `expires_at` is None."""

    expires_at: str | None


class WebhookVerification(Model):
    """How a connection's inbound webhooks are verified; the secrets are those that count now, the newest first."""

    profile: str
    tolerance_seconds: int
    header: str | None
    secrets: list[WebhookSecret]


class WebhookAddress(Model):
    """Where a provider sends its webhooks; former addresses go on being taken until `former_until`."""

    webhook_url: str
    webhook: WebhookVerification | None = None
    former_until: list[str] = []


class Connection(Model):
    """A configured connector. Its credentials are never shown. Without a `webhook`, nothing but their address protects
    its inbound webhooks."""

    id: str
    provider: str
    name: str
    config: dict[str, Any]
    streams: list[str] | None
    status: str
    version: int
    active_run_id: str | None
    last_sync_at: str | None
    webhook: WebhookVerification | None = None
    in_force: bool
    created_at: str
    updated_at: str


class NewConnection(Connection):
    """A connection just made, with the address for its provider's webhooks."""

    webhook_url: str


class ConnectionTest(Model):
    """What a test of a connection found."""

    success: bool
    message: str
    problems: list[str] = []
    details: dict[str, Any] = {}
    run_id: str


class Counts(Model):
    """source = created + updated + unchanged + rejected in every run that succeeded."""

    source: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class StreamProgress(Model):
    """One stream of a run."""

    stream: str
    status: str
    counts: Counts = Counts()
    expected: int | None = None
    error: str | None = None
    error_code: str | None = None


class Run(Model):
    """What a connection was told to do, and how far it is."""

    id: str
    connection_id: str
    kind: str
    status: str
    full: bool
    dry_run: bool
    source_run_id: str | None
    requested_at: str
    started_at: str | None
    finished_at: str | None
    counts: Counts
    streams: list[StreamProgress]
    error: str | None
    error_code: str | None
    result: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """True where nothing more will happen to the run."""
        return self.status in ("succeeded", "failed", "cancelled")


class RejectedRecord(Model):
    """A record that a run could not use."""

    id: str
    stream: str
    entity_type: str | None = None
    external_id: str | None = None
    reason: str
    field: str | None = None
    where: str | None = None
    line: int | None = None
    column: int | None = None
    raw: Any = None
    rejected_at: str
    reprocessed_by: str | None = None


class Mapping(Model):
    """That a provider's record and an inside id are one."""

    id: str
    connection_id: str
    entity_type: str
    internal_id: str
    external_id: str
    metadata: dict[str, Any] = {}
    created_at: str
    updated_at: str


class Entity(Model):
    """A canonical record."""

    id: str
    type: str
    connection_id: str
    external_id: str
    version: int
    attributes: dict[str, Any]
    created_at: str
    updated_at: str


class Provider(Model):
    """A connector, and what its connections have to be told."""

    provider: str
    title: str = ""
    summary: str = ""
    config_schema: dict[str, Any]
    credentials_schema: dict[str, Any]
    streams: list[dict[str, Any]]
    capabilities: list[str] = []
    webhook_profile: str | None = None


class Tenant(Model):
    """A tenant, for the administration."""

    id: str
    name: str
    created_at: str


class ApiKey(Model):
    """An API key without its secret."""

    id: str
    name: str
    created_at: str


class NewApiKey(ApiKey):
    """An API key just made; its text is shown this one time."""

    api_key: str
