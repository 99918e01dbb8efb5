"""The receiver matrix: how each kind of receiver behaves, and what has to become of a delivery to it."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from edurelay_sandbox.receiver import Authority, Hang, HangUp, Read, Script, Send, answer

#: The first failure is followed by another attempt soon, the second by none within a test; jitter moves both.
SCHEDULE: Final = (0.0, 0.05, 100.0)
#: For receivers that are too slow, in seconds.
SHORT: Final = 0.3

HOST: Final = "receiver.test"
TIMED_OUT: Final = "no whole answer came in time"
CUT: Final = "the connection was cut before a whole answer came"
NO_HTTP: Final = "the answer was not HTTP that could be understood"
NO_CONNECTION: Final = "the host did not take the connection"
NO_TLS: Final = "no trusted TLS connection was made"
NO_NAME: Final = "the host's name could not be resolved"
INSIDE: Final = "the host's address may not be reached from here"


@dataclass(frozen=True)
class Delivered:
    """The delivery arrived."""


@dataclass(frozen=True)
class Waits:
    """The delivery is pending, and its next attempt is due in so many seconds."""

    least: float
    most: float


@dataclass(frozen=True)
class Dead:
    """The delivery is a dead letter for a reason that says so, and the endpoint perhaps disabled."""

    reason: str
    disabled: bool = False


#: What the schedule says after a second attempt that failed.
BY_SCHEDULE: Final = Waits(80, 120)
#: What the receiver's trouble calls for, where the schedule would have the next attempt earlier.
THROTTLED: Final = Waits(60, 90)


@dataclass(frozen=True)
class Row:
    """One receiver. `scripts` answer its requests, `attempts` are the status or the error of each attempt made, `then`
    is where each of `events` deliveries stands behind them.

    `names` are the addresses that each look-up of a name brings, `certificate` what the receiver presents, `listens`
    False where nobody is there. `taken` bounds what is read of all answers, in bytes.
    """

    scripts: Sequence[Script]
    attempts: Sequence[int | str]
    then: Delivered | Waits | Dead
    events: int = 1
    connections: int | None = None
    seconds: float = 5.0
    host: str = "127.0.0.1"
    address: str = ""
    names: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    certificate: Callable[[Authority], ssl.SSLContext] | None = None
    listens: bool = True
    taken: int | None = None


def ok(*scripts: Script, **more: object) -> Row:
    """A receiver that takes the delivery at the first attempt."""
    return Row(scripts, (200,), Delivered(), **more)  # type: ignore[arg-type]


def again(outcome: int | str, *script: Script, **more: object) -> Row:
    """A receiver that is tried again by the schedule."""
    return Row(script or (answer(int(outcome)),), (outcome, outcome), BY_SCHEDULE, **more)  # type: ignore[arg-type]


def asking(retry_after: str, status: int, then: Waits) -> Row:
    """A receiver that says when to come again."""
    return Row((answer(status, headers={"Retry-After": retry_after}),), (status,), then)


def throttled(outcome: int | str, *script: Script, **more: object) -> Row:
    """A receiver that has too much to do."""
    return Row(script or (answer(int(outcome)),), (outcome,), THROTTLED, **more)  # type: ignore[arg-type]


def tls(certificate: Callable[[Authority], ssl.SSLContext]) -> Row:
    """A receiver with that certificate."""
    names = {HOST: [["127.0.0.1"]]}
    return again(NO_TLS, answer(), host=f"https://{HOST}", names=names, certificate=certificate)


def bomb(megabytes: int) -> bytes:
    """Return a little that is much when it is unpacked."""
    return gzip.compress(bytes(megabytes * 1024 * 1024), 1)


_HEAD: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_DATE: Final = "Wed, 21 Oct 2015 07:28:00"
#: What may be read and lie in buffers of an answer of which 64 KiB are read, in bytes.
_LITTLE: Final = 2 * 1024 * 1024

ROWS: Final[Mapping[str, Row]] = {
    "200": ok(answer(200)),
    "204": Row((answer(204),), (204,), Delivered()),
    "200 just before the timeout": ok(answer(200, after=1.2), seconds=2.0),
    "hang before the headers": throttled(TIMED_OUT, (Read(), Hang()), seconds=SHORT),
    "hang before the request is read": throttled(TIMED_OUT, (Hang(),), seconds=SHORT),
    "headers, then a byte a second": throttled(
        TIMED_OUT,
        (Read(), Send(_HEAD + b"Content-Length: 100\r\n\r\n"), Send(b"x", times=None, every=1.0)),
        seconds=SHORT,
    ),
    "endless body": ok((Read(), Send(_CHUNKED), Send(b"10000\r\n" + bytes(65536) + b"\r\n", None)), taken=_LITTLE),
    "10 MB body": ok(
        (Read(), Send(_HEAD + b"Content-Length: 10485760\r\n\r\n"), Send(bytes(65536), 160)), taken=_LITTLE
    ),
    "gzip bomb": ok(answer(200, bomb(32), headers={"Content-Encoding": "gzip"}), taken=_LITTLE),
    "endless headers": again(NO_HTTP, (Read(), Send(_HEAD), Send(b"X-More: of it\r\n" * 100, None)), taken=_LITTLE),
    "endless informational answers": throttled(
        TIMED_OUT, (Read(), Send(b"HTTP/1.1 102 Processing\r\n\r\n", None, every=0.001)), seconds=SHORT
    ),
    "redirect to an inside address": again(
        307, answer(307, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    ),
    "redirect to itself": again(302, answer(302, headers={"Location": "/elsewhere"})),
    "304": again(304),
    "101": again(101),
    "400": again(400),
    "401": again(401),
    "404": again(404),
    "410": Row((answer(410),), (410,), Dead("the endpoint answered 410 Gone", disabled=True)),
    "429": throttled(429),
    "429, in seconds": asking("7", 429, Waits(7, 12)),
    "429, in a billion seconds": asking("1000000000", 429, Waits(86_400, 86_400)),
    "429, before now": throttled(429, answer(429, headers={"Retry-After": "-7"})),
    "500": again(500),
    "502": throttled(502),
    "503": again(503),
    "503, in seconds": asking("90", 503, Waits(90, 90)),
    "503, at a date that is none": again(503, answer(503, headers={"Retry-After": f"{_DATE} +{10**20}"})),
    "504": throttled(504),
    "504, in seconds": asking("7", 504, Waits(7, 12)),
    "refused": again(NO_CONNECTION, answer(), listens=False),
    "reset before the answer": again(CUT, (Read(), HangUp(reset=True))),
    "reset in the middle": again(
        CUT, (Read(), Send(_HEAD + b"Content-Length: 9\r\n\r\nhalf", every=0.05), HangUp(reset=True))
    ),
    "closed in the middle": again(CUT, (Read(), Send(_HEAD + b"Content-Length: 9\r\n\r\nhalf"), HangUp())),
    "no HTTP": again(NO_HTTP, (Read(), Send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), HangUp())),
    "expired TLS": tls(lambda authority: authority.receiving(HOST, valid_for=timedelta(days=-1))),
    "TLS for another host": tls(lambda authority: authority.receiving("other.test")),
    "self-signed TLS": tls(lambda authority: authority.receiving(HOST, self_signed=True)),
    "good TLS": ok(
        answer(),
        host=f"https://{HOST}",
        names={HOST: [["127.0.0.1"]]},
        certificate=lambda authority: authority.receiving(HOST),
    ),
    "unknown host": again(NO_NAME, answer(), host="nowhere.test"),
    "a name that flips inside between look-ups": Row(
        (answer(500, headers={"Connection": "close"}),),
        (500, INSIDE),
        BY_SCHEDULE,
        connections=1,
        host="flips.test",
        names={"flips.test": [["127.0.0.2"], ["127.0.0.1"]]},
    ),
    "IPv6 only": ok(answer(), host="six.test", address="::1", names={"six.test": [["::1"]]}),
    "keep-alive": ok(answer(), events=5, connections=1),
    "keep-alive closed after each answer": ok(answer(headers={"Connection": "close"}), events=5, connections=5),
    "closed after each answer without a word": ok((*answer(), HangUp()), events=5, connections=5),
    "answer before the body is read": ok((Send(_HEAD + b"Content-Length: 0\r\n\r\n"), Read()), events=5, connections=1),
    "answer, and the body is never read": ok((Send(_HEAD + b"Content-Length: 0\r\n\r\n"), Hang())),
    "HTTP/1.0": ok((Read(), Send(b"HTTP/1.0 200 OK\r\n\r\nthanks"), HangUp()), events=3, connections=3),
    "an early hint first": ok((Read(), Send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), *answer()[2:])),
    "two answers to each request": ok((*answer(200), *answer(500)[2:]), events=3, connections=3),
    "fails, then takes it": Row((answer(500), answer(200)), (500, 200), Delivered()),
    "webhook-delivery: disable": Row(
        (answer(400, headers={"webhook-delivery": "disable"}),), (400,), Dead("", disabled=True)
    ),
    "webhook-delivery: abort-message": Row(
        (answer(400, headers={"webhook-delivery": "abort-message"}),), (400,), Dead("")
    ),
    "webhook-delivery: something else": again(400, answer(400, headers={"webhook-delivery": "later, perhaps"})),
}
