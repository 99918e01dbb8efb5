"""For receivers: everything between the socket and your handler, for aiohttp, FastAPI and Flask.

`from edurelay_client.receiver.fastapi import Receiver` (or `.aiohttp`, `.flask`); each is made with the endpoint's
secrets and a handler. What they share: only genuine webhooks come through, each once, and the answer tells the sender
what to do next. FastAPI and Flask are extras of the package: `edurelay-client[fastapi]`, `edurelay-client[flask]`.
"""

from edurelay_client.receiver.answers import NotNow
from edurelay_client.receiver.event import WebhookEvent
from edurelay_client.receiver.seen import Claim, Seen, SeenInMemory

__all__ = ["Claim", "NotNow", "Seen", "SeenInMemory", "WebhookEvent"]
