"""One connection to a receiver: requests go out one after the other, each written at once, and of each answer no more
is read than its bound.

Reading HTTP is llhttp's, the parser of Node.js. A client library of general use takes as long around it as all else
that a delivery costs: it follows redirects, keeps cookies, guesses encodings. Nothing of it is wanted here.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser
from multidict import CIMultiDict

from edurelay.egress.errors import EgressFailed
from edurelay.egress.phases import Stopwatch

#: How many headers an answer may have.
_HEADERS: Final = 128
#: How many bytes of an answer may be something else than its body, and how many more for each byte of the body: framing
#: in chunks of a byte takes five.
_AROUND: Final = 16_384
_FRAMING: Final = 8
#: A body up to this size, in bytes, is written in one piece with its head.
_ONE_PIECE: Final = 65_536

#: What the other side's end of a connection looks like, beside errors, which are always told.
_END: Final = getattr(select, "POLLRDHUP", select.POLLHUP)


class Request(NamedTuple):
    """A request as it goes over the wire, and how many bytes of the answer's body are wanted."""

    method: str
    head: bytes
    body: bytes
    max_bytes: int


class Answer(NamedTuple):
    """An answer of any status; the body is cut after the allowed bytes if `truncated`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool


class _Endless(Exception):
    """Raised in a callback of the parser: there is more of something than anybody needs."""


class Connection(asyncio.Protocol):
    """A connection that was made. `reusable` tells whether another request may follow the one before, `heard` whether
    anything has come since that was sent."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        #: Set while an answer is waited for.
        self._answer: asyncio.Future[Answer] | None = None
        #: That of the answer, once its head is there.
        self._status = 0
        self._writing = False
        self.reusable = True
        self.heard = False
        self.idle_since = 0.0

    async def exchange(self, request: Request, watch: Stopwatch) -> Answer:
        """Send a request and return its answer. Raises `EgressFailed`, and aborts the connection when that or anything
        else is raised."""
        self._answer = asyncio.get_running_loop().create_future()
        self._watch = watch
        self._bodiless = request.method == "HEAD"
        self._room = request.max_bytes
        self._around = _AROUND
        self._status = 0
        self._body: list[bytes] = []
        self.heard = False
        watch.ready()
        if len(request.body) <= _ONE_PIECE:
            self._transport.write(request.head + request.body)
        else:
            self._transport.write(request.head)
            self._transport.write(request.body)
        if not self._writing:
            watch.written()
        try:
            answer = await self._answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._answer = None
            self._body.clear()
        # An unwritten rest of the request would pass for the beginning of the next one.
        self.reusable = self.reusable and not self._writing
        return answer

    def stands(self) -> bool:
        """Tell whether another request can be sent. The system knows earlier than the event loop that the other side
        has closed a connection, or has said something on it unasked, which would pass for the answer."""
        if not self.reusable or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN | _END)
        return not poll.poll(0)

    def abort(self) -> None:
        """Let go of the connection at once: one that is closed waits for ever for who does not read."""
        self.reusable = False
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        # So that it is told what is not written yet; below a limit of none, asyncio's TLS would never say that all is.
        self._transport.set_write_buffer_limits(high=1, low=1)

    def pause_writing(self) -> None:
        self._writing = True

    def resume_writing(self) -> None:
        self._writing = False
        if self._answer is not None:
            self._watch.written()

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # Nobody has asked.
            return
        self.heard = True
        self._around -= len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._fail("protocol")
        else:
            if self._around < 0:
                self._fail("protocol")

    def eof_received(self) -> None:
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if exc is None:
            self._ended()
        else:
            self._fail("disconnected")

    # What the parser calls, while it is fed.

    def on_message_begin(self) -> None:
        if self._status:
            raise _Endless  # Behind the answer.
        self._headers: CIMultiDict[str] = CIMultiDict()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status:
            return  # A trailer says nothing that is needed.
        if len(self._headers) == _HEADERS:
            raise _Endless
        self._headers.add(name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and status != HTTPStatus.SWITCHING_PROTOCOLS:
            return  # The answer is still to come.
        self._status = status
        self._watch.answered()
        # The parser takes what follows an answer to HEAD for a body, and nobody wants another protocol.
        alone = self._bodiless or status == HTTPStatus.SWITCHING_PROTOCOLS
        self.reusable = self._parser.should_keep_alive() and not alone
        if alone:
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._around += len(body) * (1 + _FRAMING)
        self._room -= len(body)
        if self._room >= 0:
            self._body.append(body)
        elif self._answer is not None and not self._answer.done():
            self._body.append(body[: self._room])
            self._finish(truncated=True)
            self.abort()

    def on_message_complete(self) -> None:
        if self._status:
            self._finish()

    def _finish(self, *, truncated: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._status, self._headers, b"".join(self._body), truncated))

    def _ended(self) -> None:
        """The other side has closed its half, which is the end of a body that has no other."""
        self.reusable = False
        if self._status and not _framed(self._headers):
            self._finish()
        else:
            self._fail("disconnected")

    def _fail(self, reason: str) -> None:
        self.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(EgressFailed(reason, sent=True))


def _framed(headers: CIMultiDict[str]) -> bool:
    """Tell whether an answer says itself where its body ends (RFC 9112, section 6.3)."""
    if "transfer-encoding" in headers:
        return ",".join(headers.getall("transfer-encoding")).lower().rstrip().endswith("chunked")
    return "content-length" in headers
