"""Endpoints as callers send and see them, and as they are kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edurelay.events.patterns import EVENT_PATTERN, EVENT_TYPE, EVENT_TYPE_LENGTH
from edurelay.events.projection import MAX_PATHS, checked_path, checked_paths
from edurelay.messages.receiver_auth import ReceiverAuth, ReceiverAuthView
from edurelay.messages.subscriptions import (
    BodyFormat,
    EventOrder,
    PayloadMode,
    SignatureAlgorithm,
    SignatureProfile,
    Undelivered,
)
from edurelay.mongo import Document
from edurelay_gateway.endpoints.choosing import ConditionFailure, ConditionText, Example
from edurelay_gateway.endpoints.rules import checked_headers, without_repetitions

DAY = 86_400

Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
EventType = Annotated[str, StringConstraints(pattern=rf"^{EVENT_TYPE}$", max_length=EVENT_TYPE_LENGTH)]
EventPattern = Annotated[str, StringConstraints(pattern=rf"^{EVENT_PATTERN}$", max_length=EVENT_TYPE_LENGTH)]
EventPatterns = Annotated[list[EventPattern], Field(min_length=1, max_length=100), AfterValidator(without_repetitions)]
Profiles = Annotated[list[SignatureProfile], Field(min_length=1, max_length=3), AfterValidator(without_repetitions)]
Algorithms = Annotated[list[SignatureAlgorithm], Field(min_length=1, max_length=2), AfterValidator(without_repetitions)]
Headers = Annotated[dict[str, str], AfterValidator(checked_headers)]
Description = Annotated[str, StringConstraints(max_length=1000)]
Rate = Annotated[float, Field(ge=0.01, le=10_000)]
InFlight = Annotated[int, Field(ge=1, le=100)]
#: Seconds between the attempts: at most 20 retries, a week between two of them.
Schedule = Annotated[list[Annotated[float, Field(ge=0, le=7 * DAY)]], Field(min_length=1, max_length=20)]


Paths = Annotated[
    list[Annotated[str, AfterValidator(checked_path)]],
    Field(min_length=1, max_length=MAX_PATHS),
    AfterValidator(without_repetitions),
    AfterValidator(checked_paths),
]
ConnectionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Order(EventOrder):
    """Events of one subject arrive one after the other: the next one waits until the one before it has arrived, or was
    given up."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["subject"] = "subject"
    failures: int | None = Field(
        default=None, ge=1, le=21, description="Failed attempts before it is given up; null: its whole schedule."
    )
    then: Undelivered = Field(
        description="`skip`: it is a dead letter, and the next one goes. `park`: it is, and its subject waits until "
        "somebody redelivers or skips it."
    )


class EndpointCreate(BaseModel):
    """A new endpoint."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = Field(description="Where events are sent to; null: nothing is sent, the stream is read.")
    event_types: EventPatterns = Field(description="Types, or patterns: `student.*`, `*.created`, or `*` for all.")
    enabled: bool = True
    description: Description = ""
    signature_profiles: Profiles = [SignatureProfile.STANDARD]
    signature_algorithms: Algorithms = Field(
        default=[SignatureAlgorithm.V1], description="Of the Standard Webhooks headers: HMAC-SHA256, Ed25519, or both."
    )
    body_format: BodyFormat = Field(
        default=BodyFormat.EDURELAY, description="`{id, event, timestamp, data}`, or a CloudEvent in JSON."
    )
    headers: Headers = Field(default_factory=dict, description="Sent along with each delivery.")
    auth: ReceiverAuth | None = Field(
        default=None, description="How deliveries prove who sends them; what is secret of it is never shown again."
    )
    rate_per_second: Rate | None = Field(default=None, description="No more deliveries a second than this.")
    max_in_flight: InFlight = 10
    retry_schedule: Schedule | None = Field(default=None, description="Seconds between attempts; null: the default.")
    condition: ConditionText | None = Field(default=None, description="CEL over `type`, `subject`, `time` and `data`.")
    condition_example: Example | None = Field(default=None, description="An event to try the condition on.")
    fields: Paths | None = Field(default=None, description="Paths into `data` that may be seen; null: all of it.")
    payload: PayloadMode = Field(default=PayloadMode.FULL, description="`thin`: of `data` only the ids.")
    ids: ConnectionId | None = Field(default=None, description="The connection in whose ids to tell; null: in ours.")
    order: Order | None = Field(default=None, description="Whether events of one subject wait for each other.")


class EndpointChange(BaseModel):
    """What is to be different; what is left out stays. `auth` is replaced as a whole, and removed by null."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = ""
    event_types: EventPatterns = []
    enabled: bool = True
    description: Description = ""
    signature_profiles: Profiles = []
    signature_algorithms: Algorithms = []
    body_format: BodyFormat = BodyFormat.EDURELAY
    headers: Headers = {}
    auth: ReceiverAuth | None = None
    rate_per_second: Rate | None = None
    max_in_flight: InFlight = 10
    retry_schedule: Schedule | None = None
    condition: ConditionText | None = None
    condition_example: Example | None = None
    fields: Paths | None = None
    payload: PayloadMode = PayloadMode.FULL
    ids: ConnectionId | None = None
    order: Order | None = None


class EndpointView(BaseModel):
    """An endpoint. `in_force` is false while its last change has not reached the dispatcher yet; `disabled_reason`
    says why it was disabled where that was not its owner's doing; one that is `probed` is tried from time to time, and
    enabled where that succeeds. `condition_failure` says how often its condition could not be evaluated since it was
    set, and when and why last."""

    id: str
    url: str | None
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None
    probed: bool
    description: str
    signature_profiles: list[SignatureProfile]
    signature_algorithms: list[SignatureAlgorithm]
    body_format: BodyFormat
    headers: dict[str, str]
    auth: ReceiverAuthView | None
    rate_per_second: float | None
    max_in_flight: int
    retry_schedule: list[float] | None
    condition: str | None
    condition_failure: ConditionFailure | None
    fields: list[str] | None
    payload: PayloadMode
    ids: str | None
    order: Order | None
    version: int
    in_force: bool
    created_at: str
    updated_at: str


class EndpointChanged(EndpointView):
    """A changed endpoint. `example_matched` tells of the example that came with the change."""

    example_matched: bool | None = None


class EndpointCreated(EndpointChanged):
    """A new endpoint with the secret that its deliveries are signed with, if it has any, and the public key where it
    has one."""

    secret: str | None
    public_key: str | None


class EndpointPage(BaseModel):
    """Some endpoints, the newest first."""

    data: list[EndpointView]
    next_cursor: str | None = None


class PreviousSecret(BaseModel):
    """A secret that was replaced and still signs, beside the current one, until `expires_at`."""

    secret: str
    expires_at: str


class PreviousPublicKey(BaseModel):
    """The public half of a key that was replaced and still signs, beside the current one, until `expires_at`."""

    public_key: str
    expires_at: str


class EndpointSecrets(BaseModel):
    """What the deliveries of an endpoint are verified with: the current secret, and those it is replacing; the same of
    the public keys, where the endpoint ever had one."""

    secret: str
    previous: list[PreviousSecret] = []
    public_key: str | None = None
    previous_public_keys: list[PreviousPublicKey] = []


class PublicKey(BaseModel):
    """A JSON Web Key (RFC 8037). `kid` is its thumbprint (RFC 7638), `whpk` its text in Standard Webhooks."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str
    whpk: str


class PublicKeys(BaseModel):
    """A JSON Web Key Set (RFC 7517): the current key first, then those that still sign beside it."""

    keys: list[PublicKey]


class SecretRotation(BaseModel):
    """How long the present secret goes on signing beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: int = Field(default=DAY, ge=0, le=7 * DAY)


class EndpointGone(BaseModel):
    """The dispatcher's word that an endpoint wants nothing any more, or that nothing arrives there and it is `probed`
    from now on; `version` is the state that it speaks of."""

    reason: str = Field(min_length=1, max_length=500)
    version: int
    probed: bool = False


class EndpointRecovered(BaseModel):
    """The dispatcher's word that a probe has arrived; `version` is the state that it speaks of."""

    version: int


class StoredSecret(BaseModel):
    """A sealed secret and the Unix second at which it stops signing (0: never)."""

    model_config = ConfigDict(frozen=True)

    sealed: str
    expires: float = 0.0


class StoredKey(StoredSecret):
    """The same of a key of Ed25519, with its public half."""

    public: str


class StoredAuth(BaseModel):
    """What of `auth` may be shown, and the whole, sealed."""

    model_config = ConfigDict(frozen=True)

    view: ReceiverAuthView
    sealed: str


class StoredEndpoint(BaseModel):
    """An endpoint as it is kept. The current secret is the first of `secrets`, as the current key is of `signing_keys`,
    which stay when `v1a` is left; `unsent` is what Kafka does not have yet."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    id: str = Field(alias="_id")
    tenant: str
    url: str | None
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None = None
    probed: bool = False
    description: str
    signature_profiles: list[SignatureProfile]
    signature_algorithms: list[SignatureAlgorithm] = [SignatureAlgorithm.V1]
    body_format: BodyFormat = BodyFormat.EDURELAY
    headers: dict[str, str]
    auth: StoredAuth | None = None
    rate_per_second: float | None
    max_in_flight: int
    retry_schedule: list[float] | None
    condition: str | None = None
    condition_failures: int = 0
    condition_failed: dict[str, str] | None = None
    fields: list[str] | None = None
    payload: PayloadMode = PayloadMode.FULL
    ids: str | None = None
    order: Order | None = None
    secrets: list[StoredSecret]
    signing_keys: list[StoredKey] = []
    version: int
    created_at: str
    updated_at: str
    deleted_at: str | None = None
    unsent: list[Any] = []

    def to_document(self) -> Document:
        """Return the document that is kept; its unsent messages are the outbox's own matter."""
        return self.model_dump(mode="json", by_alias=True, exclude={"unsent"})

    def view(self) -> EndpointView:
        """Return what callers see."""
        return EndpointView(
            **self.model_dump(include=EndpointView.model_fields.keys() - {"auth", "in_force", "condition_failure"}),
            auth=self.auth.view if self.auth is not None else None,
            in_force=not self.unsent,
            condition_failure=self._condition_failure,
        )

    @property
    def _condition_failure(self) -> ConditionFailure | None:
        if self.condition_failed is None:
            return None
        return ConditionFailure(count=self.condition_failures, **self.condition_failed)
