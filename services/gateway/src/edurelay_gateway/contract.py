"""What the gateway offers, as an OpenAPI document, without starting it."""

from __future__ import annotations

from typing import Any

from edurelay.web.application import Face, describe
from edurelay_gateway.connections.api import ConnectionApi
from edurelay_gateway.deliveries.api import DeliveryApi
from edurelay_gateway.endpoints.api import EndpointApi, InternalEndpointApi
from edurelay_gateway.endpoints.keys import KeyApi
from edurelay_gateway.events.api import EventApi
from edurelay_gateway.faces.integrations.api import IntegrationApi
from edurelay_gateway.faces.integrations.errors import INTEGRATION_ERRORS
from edurelay_gateway.ingest.api import IngestApi
from edurelay_gateway.mappings.api import MappingApi
from edurelay_gateway.providers.api import ProviderApi
from edurelay_gateway.runs.api import RunApi
from edurelay_gateway.tenants.api import TenantApi

TITLE = "Edurelay"
VERSION = "0.1.0"

#: The kinds of handler, in the order in which the document lists them; those of faces behind our own.
APIS = (
    EventApi,
    EndpointApi,
    KeyApi,
    DeliveryApi,
    ConnectionApi,
    RunApi,
    MappingApi,
    ProviderApi,
    IngestApi,
    TenantApi,
    InternalEndpointApi,
)


def integrations(handler: object) -> Face:
    """Return the face of the SIS connector document."""
    return Face("integrations", [handler], INTEGRATION_ERRORS, "/integrations")


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return describe([*APIS, integrations(IntegrationApi)], title=TITLE, version=VERSION)
