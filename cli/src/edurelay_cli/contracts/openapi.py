"""The OpenAPI document of the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay_cli.contracts.text import json_text
from edurelay_gateway.contract import document


def files() -> Mapping[str, str]:
    """The one file."""
    return {"contracts/openapi.json": json_text(document())}
