"""How deliveries prove to a receiver who sends them: one way of several, told apart by `type`.

Each way is two models: what of it may be shown, and the whole with its secret parts, which only ever travels sealed.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from edurelay.messages.base import MalformedMessage

#: What HTTP carries unchanged in a header: visible ASCII, with blanks inside.
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _for_header(secret: SecretStr) -> SecretStr:
    if not _HEADER_TEXT.fullmatch(secret.get_secret_value()):
        raise ValueError("should be visible ASCII without line breaks, and no blank at either end")
    return secret


def _without_controls(secret: SecretStr) -> SecretStr:
    if _CONTROL.search(secret.get_secret_value()):
        raise ValueError("should hold no control character")
    return secret


_SecretText = Annotated[SecretStr, Field(min_length=1, max_length=4096)]
Secret = Annotated[_SecretText, AfterValidator(_without_controls)]
HeaderSecret = Annotated[_SecretText, AfterValidator(_for_header)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
#: A chain of certificates, or a key: some thousand characters each.
PEM_LENGTH = 32_768


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BasicAuthView(_Part):
    """A user name and a password (RFC 7617)."""

    type: Literal["basic"]
    username: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]*$", max_length=256)]


class BasicAuth(BasicAuthView):
    """A user name and a password (RFC 7617)."""

    password: Secret


class BearerAuthView(_Part):
    """A token in `Authorization: Bearer`."""

    type: Literal["bearer"]


class BearerAuth(BearerAuthView):
    """A token in `Authorization: Bearer`."""

    token: HeaderSecret


class ApiKeyAuthView(_Part):
    """A key in a header of the receiver's choice."""

    type: Literal["api_key"]
    header: HeaderName


class ApiKeyAuth(ApiKeyAuthView):
    """A key in a header of the receiver's choice."""

    value: HeaderSecret


class ClientCredentialsAuthView(_Part):
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token fetched from `token_url`, which the client proves itself to
    by HTTP Basic."""

    type: Literal["oauth2_client_credentials"]
    token_url: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$", max_length=512)]
    scope: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=1024)] = ""


class ClientCredentialsAuth(ClientCredentialsAuthView):
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token fetched from `token_url`, which the client proves itself to
    by HTTP Basic."""

    client_secret: Secret


class ClientCertificateAuthView(_Part):
    """A certificate that TLS shows to the receiver: PEM, the client's own first, then what leads to its issuer."""

    type: Literal["client_certificate"]
    certificate: Annotated[str, StringConstraints(min_length=1, max_length=PEM_LENGTH)]


class ClientCertificateAuth(ClientCertificateAuthView):
    """A certificate that TLS shows to the receiver: PEM, the client's own first, then what leads to its issuer. The
    private key is PEM without a passphrase."""

    private_key: Annotated[SecretStr, Field(min_length=1, max_length=PEM_LENGTH)]


ReceiverAuth = Annotated[
    BasicAuth | BearerAuth | ApiKeyAuth | ClientCredentialsAuth | ClientCertificateAuth, Field(discriminator="type")
]
ReceiverAuthView = Annotated[
    BasicAuthView | BearerAuthView | ApiKeyAuthView | ClientCredentialsAuthView | ClientCertificateAuthView,
    Field(discriminator="type"),
]

_WHOLE: TypeAdapter[ReceiverAuth] = TypeAdapter(ReceiverAuth)
_VIEW: TypeAdapter[ReceiverAuthView] = TypeAdapter(ReceiverAuthView)


def view_of(auth: ReceiverAuth) -> ReceiverAuthView:
    """Return what may be shown."""
    secret = {name for name, value in auth if isinstance(value, SecretStr)}
    return _VIEW.validate_python(auth.model_dump(exclude=secret))


def encode(auth: ReceiverAuth) -> bytes:
    """Return the whole as JSON text, to be sealed."""
    return orjson.dumps(
        {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in auth}
    )


def decode(text: bytes) -> ReceiverAuth:
    """Read the whole back. Raises `MalformedMessage`, without a word of what was there."""
    try:
        return _WHOLE.validate_json(text)
    except ValidationError:
        raise MalformedMessage("the authentication has a form that is not known here") from None
