"""Which requests come through to the handler. Pure, but for the secrets, which may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edurelay_client.receiver.answers import Refused
from edurelay_client.receiver.event import MalformedBody, WebhookEvent, event_of
from edurelay_client.verification import InvalidSignature, Profile, verify

#: Secrets as `verify` takes them, or what returns them: asked at each webhook, so that a rotation needs no restart.
Secrets = str | Sequence[str] | Callable[[], str | Sequence[str]]

#: The data of an event may have 256 KiB, and its body little more.
MAX_BYTES = 1024 * 1024

_TYPES = ("application/json", "application/cloudevents+json")


class Desk:
    """Looks at headers, then at the body. Raises `ValueError` at once where `secrets` cannot be secrets.

    A body may have `max_bytes`. Of a request that is refused as many more are read and thrown away: a sender that
    is cut off while it sends sees a reset, and may never see the answer.
    """

    def __init__(self, secrets: Secrets, *, max_bytes: int, tolerance: float, profile: Profile) -> None:
        if not callable(secrets):
            _check(secrets, profile)
        self._secrets = secrets
        self._tolerance = tolerance
        self._profile = profile
        self.max_bytes = max_bytes

    def admit(self, headers: Mapping[str, str]) -> None:
        """Return if the body is worth reading. Raises `Refused`."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _TYPES:
            raise Refused(415, "unsupported_type", f"the Content-Type has to be {' or '.join(_TYPES)}")
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            # What was signed are the bytes as sent, and the sender never compresses them.
            raise Refused(415, "unsupported_encoding", "the body must not be compressed")
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > self.max_bytes:
            raise self.too_large()

    def open(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Return the event of a genuine request. Raises `Refused`."""
        secrets = self._secrets() if callable(self._secrets) else self._secrets
        try:
            verify(headers, body, secrets, tolerance=self._tolerance, profile=self._profile)
        except InvalidSignature as error:
            raise Refused(401, "invalid_signature", str(error)) from error
        # The older profile does not sign the header with the id, only the body that holds the same one.
        key = headers.get("webhook-id") if self._profile is Profile.STANDARD else None
        try:
            return event_of(headers, body, key)
        except MalformedBody as error:
            raise Refused(400, "malformed_body", str(error)) from error

    def too_large(self) -> Refused:
        """Return the refusal of a body that is longer than what is taken."""
        return Refused(413, "too_large", f"a body may have {self.max_bytes} bytes")


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with their names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


def _check(secrets: str | Sequence[str], profile: Profile) -> None:
    if not secrets:
        raise ValueError("there is no secret")
    try:
        headers = {"webhook-id": "-", "webhook-timestamp": "0", "webhook-signature": "-"}
        verify(headers, b"", secrets, now=0, profile=profile)
    except InvalidSignature:
        return
