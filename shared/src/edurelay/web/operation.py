"""An operation of an API, declared on the method that does it: what it takes, what it answers, who may call it.

    @operation("POST", "/v1/things/{id}", summary="Make a thing", tag="things", body=NewThing, answers={201: Thing})
    async def make_thing(self, call: Call[NewThing, None]) -> Answer: ...

The method sees only calls that keep to its declaration. It holds no try/except: it raises, and tables say how that
is told (`problems.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel

from edurelay.web.gate import DEFAULT, Limits
from edurelay.web.problems import Problem

B = TypeVar("B")
Q = TypeVar("Q")

#: Who may call: a tenant with its key, the administrator, another service, or anybody.
Auth = Literal["tenant", "admin", "internal", "none"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. Only a tenant's key has a `tenant`; `key_id` names the key, never its secret."""

    tenant: str | None
    kind: Auth
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One call, checked: `body` and `query` are of the declared types, `raw` is the body as it was sent."""

    request: web.Request
    body: B
    query: Q
    path: Mapping[str, str]
    caller: Caller
    raw: bytes

    @property
    def tenant(self) -> str:
        """The tenant that calls. Raises a 403 problem for a caller that is none."""
        if self.caller.tenant is None:
            raise Problem(403, "tenant_required", "This call needs the API key of a tenant.")
        return self.caller.tenant

    def wait_seconds(self, most: float) -> float:
        """Return how long the client would wait for the outcome (`Prefer: wait=N`, RFC 7240), at most `most`, or 0."""
        for preference in ",".join(self.request.headers.getall("Prefer", [])).split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            digits = value.strip().strip('"')
            if name.strip().lower() == "wait" and digits.isascii() and digits.isdecimal():
                return min(float(digits[:9]), most)
        return 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. `bytes` are JSON text that is ready to be sent, unless `headers` give another Content-Type."""

    status: int = 200
    body: BaseModel | dict[str, Any] | list[Any] | bytes | None = None
    headers: Mapping[str, str] | None = None


Handler = Callable[[Call[Any, Any]], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """The declaration of one operation. `id` is unique in an application, and its label in the metrics."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    tag: str
    auth: Auth
    body: Any
    body_required: bool
    query: type[BaseModel] | None
    answers: Mapping[int, Any]
    limits: Limits
    raw_body: bool
    idempotent: bool
    waits: bool
    event_stream: bool
    path_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(part.partition("}")[0].partition(":")[0] for part in self.path.split("{")[1:])
        object.__setattr__(self, "path_names", names)


M = TypeVar("M", bound=Callable[..., Awaitable[Answer | web.StreamResponse]])


def operation(
    method: str,
    path: str,
    *,
    summary: str,
    tag: str,
    answers: Mapping[int, Any],
    auth: Auth = "tenant",
    body: Any = None,
    body_required: bool = True,
    query: type[BaseModel] | None = None,
    limits: Limits = DEFAULT,
    raw_body: bool = False,
    idempotent: bool = False,
    waits: bool = False,
    event_stream: bool = False,
) -> Callable[[M], M]:
    """Declare that a method does this operation.

    `body` is the pydantic type of the JSON body (without `body_required` an empty one counts as `{}`), `answers` the
    type for each status, None where there is no JSON body. With `raw_body` the bytes are handed over in `Call.raw`
    as they came, of any content type and with any query, as somebody else's webhook has them. `idempotent` honours
    `Idempotency-Key`, `waits` documents `Prefer: wait=N`, `event_stream` that a caller who
    accepts `text/event-stream` gets server-sent events, each with an entry of the list as its data.
    """

    def declare(function: M) -> M:
        function.__dict__["operation"] = Operation(
            id=function.__name__,
            method=method.upper(),
            path=path,
            summary=summary,
            description=" ".join((function.__doc__ or "").split()),
            tag=tag,
            auth=auth,
            body=body,
            body_required=body_required,
            query=query,
            answers=answers,
            limits=limits,
            raw_body=raw_body,
            idempotent=idempotent,
            waits=waits,
            event_stream=event_stream,
        )
        return function

    return declare


def operations_of(handler: object) -> list[tuple[Operation, str]]:
    """Return the operations that a handler, or its class, declares, each with the name of its method, in order."""
    kind = handler if isinstance(handler, type) else type(handler)
    found: dict[str, Operation] = {}
    for base in reversed(kind.__mro__):
        for name, member in vars(base).items():
            declared = getattr(member, "operation", None)
            if isinstance(declared, Operation):
                found[name] = declared
    return [(declared, name) for name, declared in found.items()]
