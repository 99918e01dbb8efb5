"""The OpenAPI document of the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay_gateway.contract import document

from edurelay_cli.contracts.text import json_text


def files() -> Mapping[str, str]:
    """The one file."""
    return {"contracts/openapi.json": json_text(document())}
