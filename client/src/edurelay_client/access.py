"""Where the API is and who calls it: as given, from the environment, or from a stack that runs on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edurelay_client.errors import EdurelayError

URL, API_KEY = "EDURELAY_URL", "EDURELAY_API_KEY"
FOLDER = Path(".edurelay")


class NotConfigured(EdurelayError):
    """Nothing says where the API is, or who calls it."""


@dataclass(frozen=True, slots=True)
class Access:
    """An address and a key."""

    url: str
    api_key: str

    @classmethod
    def find(
        cls,
        url: str | None = None,
        api_key: str | None = None,
        *,
        tenant: str | None = None,
        folder: Path = FOLDER,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Return what is given; what is not from `EDURELAY_URL` and `EDURELAY_API_KEY`, then from `stack.json`.

        `tenant` (a name or an id) chooses one of the local stack, the first by default. The key of a local stack is
        for its own address only. Raises `NotConfigured`, which says what to do.
        """
        url = url or environment.get(URL)
        if tenant is None:
            api_key = api_key or environment.get(API_KEY)
        if url and api_key:
            return cls(url, api_key)
        stack = _stack(folder / "stack.json")
        if url and (stack is None or stack["gateway_url"].rstrip("/") != url.rstrip("/")):
            raise NotConfigured(f"who calls {url}? Set {API_KEY} to a key of a tenant")
        if stack is None:
            raise NotConfigured(
                f"where is Edurelay? Set {URL} and {API_KEY}, or start a stack in this folder: `edurelay up`"
            )
        return cls(stack["gateway_url"], api_key or _key(stack["tenants"], tenant))


def _stack(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path} cannot be read: {error}") from error


def _key(tenants: list[dict[str, str]], wanted: str | None) -> str:
    for tenant in tenants:
        if wanted is None or wanted in (tenant["id"], tenant["name"]):
            return tenant["api_key"]
    names = ", ".join(tenant["name"] for tenant in tenants)
    raise NotConfigured(f"the local stack has no tenant {wanted}; it has {names}")
