"""All that a connector may import, beside `edurelay.model`. How to write one: docs/howto/add-a-connector.md."""

from edurelay_connector_runner.sdk.connector import (
    Change,
    CheckReport,
    Connector,
    Context,
    Cursor,
    Files,
    OutboundRecord,
    Page,
    PushReport,
    Rejection,
    SourceRecord,
    Webhook,
)
from edurelay_connector_runner.sdk.errors import (
    AuthExpired,
    BadRecord,
    ConfigurationError,
    ConnectorError,
    NotPermitted,
    Permanent,
    Throttled,
    Transient,
)
from edurelay_connector_runner.sdk.http import HttpAnswer, HttpClient
from edurelay_connector_runner.sdk.manifest import Capability, Manifest, RateLimit, Stream

__all__ = [
    "AuthExpired",
    "BadRecord",
    "Capability",
    "Change",
    "CheckReport",
    "ConfigurationError",
    "Connector",
    "ConnectorError",
    "Context",
    "Cursor",
    "Files",
    "HttpAnswer",
    "HttpClient",
    "Manifest",
    "NotPermitted",
    "OutboundRecord",
    "Page",
    "Permanent",
    "PushReport",
    "RateLimit",
    "Rejection",
    "SourceRecord",
    "Stream",
    "Throttled",
    "Transient",
    "Webhook",
]
