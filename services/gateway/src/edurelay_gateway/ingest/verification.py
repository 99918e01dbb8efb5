"""Whether a request is from who holds the secret: what `profiles` declares, carried out. Pure.

All comparisons are of bytes and in constant time. Whatever a sender writes ends as `Unproven`, never as another error.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edurelay.security.signatures import SecretMalformed, signing_key
from edurelay_gateway.ingest.profiles import Encoding, Part, Place, Profile, Proof, Scheme, SecretForm, Stamp, Unit

#: How many tokens of one header are looked at: a sender lists one for each of its live secrets.
MAX_TOKENS = 10

#: The longest id that a body may give; a longer one is no id.
MAX_ID = 512

_TEXT = re.compile(r".{8,1024}", re.DOTALL)
_HEADER_VALUE = re.compile(r"(?=.{8,1024}$)[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_PUBLIC_KEY = re.compile(r"whpk_([A-Za-z0-9+/]{43}=)")

_NUMBERS = {Unit.SECONDS: re.compile(rb"[0-9]{1,12}"), Unit.MILLISECONDS: re.compile(rb"[0-9]{1,15}")}
_ISO = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")

#: What HubSpot decodes in an address before it signs it, and nothing else.
_DECODED = re.compile(rb"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


class Unproven(Exception):
    """The request does not prove where it comes from. The text names the header, and nothing of what it held."""


class UnfitSecret(ValueError):
    """The secret does not have the form that its profile asks for. The text holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret ready for use. It counts until the Unix second `expires`, or for good where that is 0."""

    scheme: Scheme
    material: bytes = field(repr=False)
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class Presented:
    """A request: `headers` by their names in lower case, each with every value it was sent with; `url` is the public
    address, with the query as it was sent."""

    method: str
    url: str
    headers: Mapping[str, Sequence[bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """What a request has proven: the text that was signed, and what the provider calls the webhook."""

    signed: bytes
    id: str | None


def presented_headers(headers: Iterable[tuple[str, str]]) -> dict[str, list[bytes]]:
    """Return the headers of a request as they were sent, byte for byte."""
    found: dict[str, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value.encode("utf-8", "surrogateescape"))
    return found


def key_of(profile: Profile, secret: str, expires: float = 0.0) -> Key:
    """Return the key that a secret is in its profile. Raises `UnfitSecret`."""
    for scheme in profile.schemes:
        material = _material(scheme.secret, secret)
        if material is not None:
            return Key(scheme, material, expires)
    forms = " or ".join(scheme.secret.value for scheme in profile.schemes)
    raise UnfitSecret(f"The secret does not have the profile's form ({forms}), or not the length of one.")


def verify(
    profile: Profile, presented: Presented, keys: Sequence[Key], header: str = "", *, tolerance: float, now: float
) -> Proven:
    """Return what a request proves under any of the `keys` that count at the Unix time `now`. Raises `Unproven`.

    `header` is where the token stands if the connection says so; `tolerance` is how many seconds the timestamp, if
    there is one, may be away from `now`, either way. A profile that asks for nothing is proven by anything.
    """
    stamp = _timely(presented, profile.stamp, tolerance, now) if profile.stamp is not None else b""
    named = _named(profile, presented)
    signed = b"".join(_part(part, presented, stamp, named) for part in profile.signed)
    matched = False
    for key in keys:
        if not key.expires or key.expires > now:
            matched |= _matches(key, signed, _tokens(presented, key.scheme, header))
    if profile.verifies and not matched:
        raise Unproven("The signature, or the secret, is not the right one.")
    if profile.id_member is not None:
        return Proven(signed, member(presented.body, profile.id_member))
    return Proven(signed, named.decode("utf-8", "backslashreplace") or None)


def member(body: bytes, name: str) -> str | None:
    """Return the text that a member of a JSON body holds, None where there is no such thing."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= MAX_ID else None


def _material(form: SecretForm, secret: str) -> bytes | None:
    match form:
        case SecretForm.TEXT:
            return secret.encode() if _TEXT.fullmatch(secret) else None
        case SecretForm.HEADER:
            return secret.encode() if _HEADER_VALUE.fullmatch(secret) else None
        case SecretForm.WHPK:
            found = _PUBLIC_KEY.fullmatch(secret)
            return b64decode(found[1]) if found else None
        case SecretForm.WHSEC:
            try:
                return signing_key(secret) if secret.startswith("whsec_") else None
            except SecretMalformed:
                return None


def _named(profile: Profile, presented: Presented) -> bytes:
    """Return the id that a header gives. Raises `Unproven` where it is part of the proof and not there."""
    name = profile.id_header
    if name is None or (name not in presented.headers and not profile.id_is_proven):
        return b""
    named = _single(presented, name)
    if not named and profile.id_is_proven:
        raise Unproven(f"The header {name} is empty.")
    return named


def _part(part: Part | bytes, presented: Presented, stamp: bytes, named: bytes) -> bytes:
    match part:
        case Part.METHOD:
            return presented.method.encode()
        case Part.URL:
            return _bytes(presented.url)
        case Part.DECODED_URL:
            return _DECODED.sub(lambda found: binascii.unhexlify(found[0][1:]), _bytes(presented.url))
        case Part.ID:
            return named
        case Part.TIMESTAMP:
            return stamp
        case Part.BODY:
            return presented.body
    return part


def _matches(key: Key, signed: bytes, tokens: Sequence[bytes]) -> bool:
    """Compare with every token, so that nothing tells which of them came near."""
    match key.scheme.proof:
        case Proof.ED25519:
            return any(_signed_by(key.material, token, signed) for token in tokens)
        case Proof.HMAC:
            expected = hmac.digest(key.material, signed, "sha256")
        case Proof.DIGEST:
            expected = hashlib.sha256(key.material + signed).digest()
        case Proof.SAME:
            # Digests have one length, so that not even the secret's length shows.
            expected = hashlib.sha256(key.material).digest()
            tokens = [hashlib.sha256(token).digest() for token in tokens]
    matched = False
    for token in tokens:
        matched |= hmac.compare_digest(token, expected)
    return matched


def _signed_by(public_key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _tokens(presented: Presented, scheme: Scheme, header: str) -> list[bytes]:
    """Return what the header holds, decoded; what cannot be decoded is left out, as it can match nothing."""
    place = scheme.token
    tokens = []
    for text in _texts(presented, Place(place.header or header, place.prefix, place.separator))[:MAX_TOKENS]:
        try:
            if scheme.encoding is Encoding.PLAIN:
                tokens.append(text)
            elif scheme.encoding is Encoding.HEX:
                tokens.append(binascii.unhexlify(text))
            else:
                tokens.append(b64decode(text, validate=True))
        except ValueError:
            continue
    return tokens


def _timely(presented: Presented, stamp: Stamp, tolerance: float, now: float) -> bytes:
    """Return the timestamp's text. Raises `Unproven` where it is none, or too far from now."""
    texts = _texts(presented, stamp.place)
    if len(texts) != 1:
        raise Unproven(f"The header {stamp.place.header} does not hold one timestamp.")
    seconds = _seconds(texts[0], stamp.unit)
    if seconds is None:
        raise Unproven(f"The timestamp in {stamp.place.header} is not written as {stamp.unit.value}.")
    if abs(now - seconds) > tolerance:
        raise Unproven(f"The timestamp in {stamp.place.header} is too {'old' if now > seconds else 'new'}.")
    return texts[0]


def _seconds(text: bytes, unit: Unit) -> float | None:
    if unit is Unit.ISO:
        try:
            return datetime.fromisoformat(text.decode()).timestamp() if _ISO.fullmatch(text) else None
        except (ValueError, OverflowError):
            return None
    if not _NUMBERS[unit].fullmatch(text):
        return None
    return int(text) / 1000 if unit is Unit.MILLISECONDS else int(text)


def _texts(presented: Presented, place: Place) -> list[bytes]:
    value = _single(presented, place.header)
    items = value.split(place.separator) if place.separator is not None else [value]
    return [item.removeprefix(place.prefix) for each in items if (item := each.strip(b" \t")).startswith(place.prefix)]


def _single(presented: Presented, header: str) -> bytes:
    values = presented.headers.get(header, ())
    if len(values) != 1:
        raise Unproven(f"The header {header} is {'there more than once' if values else 'missing'}.")
    return values[0]


def _bytes(url: str) -> bytes:
    return url.encode("utf-8", "surrogateescape")
