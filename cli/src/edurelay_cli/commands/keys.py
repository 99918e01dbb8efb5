"""`edurelay tenants` and `edurelay keys`: who may use the API."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from typing import Any

import aiohttp

from edurelay_cli.commands.base import Command, CommandFailed


def _connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gateway", default=os.environ.get("EDURELAY_GATEWAY_URL"), help="the gateway's address")
    parser.add_argument("--token", default=os.environ.get("EDURELAY_ADMIN_TOKEN"), help="the administrator's token")


def _tenant_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list"))
    parser.add_argument("--name", help="the name of a new tenant")
    _connection(parser)


def _key_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list", "revoke"))
    parser.add_argument("--tenant", required=True, help="the tenant's id")
    parser.add_argument("--name", default="command line", help="what a new key is for")
    parser.add_argument("--key", help="the id of the key to revoke")
    _connection(parser)


def _tenants(options: argparse.Namespace) -> int:
    if options.action == "create":
        if not options.name:
            raise CommandFailed("a tenant needs a name: --name")
        return _show(_call(options, "POST", "/v1/tenants", {"name": options.name}))
    return _show(_call(options, "GET", "/v1/tenants"))


def _keys(options: argparse.Namespace) -> int:
    path = f"/v1/tenants/{options.tenant}/keys"
    if options.action == "create":
        return _show(_call(options, "POST", path, {"name": options.name}))
    if options.action == "revoke":
        if not options.key:
            raise CommandFailed("say which key: --key")
        return _show(_call(options, "DELETE", f"{path}/{options.key}"))
    return _show(_call(options, "GET", path))


def _show(answer: Any) -> int:
    if answer is not None:
        print(json.dumps(answer, indent=2))
    return 0


def _call(options: argparse.Namespace, method: str, path: str, body: Any = None) -> Any:
    if not options.gateway or not options.token:
        raise CommandFailed("say where the gateway is and who you are: EDURELAY_GATEWAY_URL and EDURELAY_ADMIN_TOKEN")
    return asyncio.run(_exchange(options.gateway, options.token, method, path, body))


async def _exchange(gateway: str, token: str, method: str, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(gateway, headers=headers) as session,
            session.request(method, path, json=body) as answer,
        ):
            if answer.status == 204:
                return None
            content = await answer.json(content_type=None)
            if answer.status >= 400:
                raise CommandFailed(f"{content.get('detail')} ({content.get('code')})")
            return content
    except aiohttp.ClientError as error:
        raise CommandFailed(f"the gateway does not answer at {gateway}: {error}") from error


TENANTS = Command("tenants", "make and list tenants", _tenant_arguments, _tenants)
KEYS = Command("keys", "make, list and revoke a tenant's API keys", _key_arguments, _keys)
