"""`edurelay events follow`: what an endpoint without a URL gets, printed as it comes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from e2e.command_line import CommandLine
from edurelay_cli.stack import LocalStack
from edurelay_client import ApiError, Client


async def test_a_stream_is_printed_and_committed(stack: LocalStack, tmp_path: Path) -> None:
    tenant = await stack.new_tenant("A reader")
    command = CommandLine({"EDURELAY_URL": stack.gateway_url, "EDURELAY_API_KEY": tenant["api_key"]}, tmp_path)
    made = (await command("endpoints", "create", "-", "note.*", "--json")).one
    assert (made["url"], made["secret"]) == (None, "")
    async with Client(stack.gateway_url, tenant["api_key"]) as client:
        ids = [await client.events.publish("note.uploaded", {"n": n}, subject="s") for n in range(3)]
        async with command.child("events", "follow", made["id"], "--json", "--commit") as child:
            first = [json.loads(await child.printed()) for _ in range(3)]
            ids.append(await client.events.publish("note.uploaded", {"n": 3}, subject="s"))
            first.append(json.loads(await child.printed()))
            assert [each["sequence"] for each in first] == [1, 2, 3, 4]
            assert [each["event_id"] for each in first] == ids
            while (await client.endpoints.stream_page(made["id"], limit=1)).committed < 4:
                pass
            await child.end(signal.SIGINT)
        ids.append(await client.events.publish("note.uploaded", {"n": 4}, subject="s"))
        async with command.child("events", "follow", made["id"]) as child:
            assert (await child.printed()).startswith("5  note.uploaded  ")
        refused = await command("events", "follow", "ep_missing")
        assert refused.code == 3
        sent = await command("endpoints", "secret", made["id"])
        assert "endpoint_without_url" in sent.err


async def test_a_bad_number_is_refused(stack: LocalStack, tmp_path: Path) -> None:
    tenant = await stack.new_tenant("A reader")
    async with Client(stack.gateway_url, tenant["api_key"]) as client:
        endpoint = await client.endpoints.create(None, ["*"])
        command = CommandLine({"EDURELAY_URL": stack.gateway_url, "EDURELAY_API_KEY": tenant["api_key"]}, tmp_path)
        assert (await command("events", "follow", endpoint.id, "--after", "x")).code == 2
        with pytest.raises(ApiError, match="beyond_end"):
            await client.endpoints.commit(endpoint.id, 1)
