"""Our signatures, judged by others: by the reference libraries for Node.js and Go, which know `v1` only, and for `v1a`
by the Ed25519 that these platforms have themselves.

Where a platform or its library is not to be had, its tests are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from conftest import REPOSITORY
from edurelay.security.ed25519 import jwk, new_private_key, public_key
from edurelay.security.signatures import new_secret, standard_headers

SOURCES = Path(__file__).parent / "oracles"
INSTALLED = REPOSITORY / ".edurelay" / "oracles"
BODIES = [
    "",
    "{}",
    '{"test": 2432232314}',
    '{"name": "Ana & Łukasz 🎓", "n": 1.10,\n "x": "\\u0000"}',
    f'"{"x" * 100_000}"',
]

Delivery = dict[str, Any]
Oracle = Callable[[Sequence[Delivery]], list[dict[str, bool]]]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine, so its library was not asked")
    return found


def prepared(what: str, *command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=280, check=False, env=environment())
    if done.returncode != 0:
        pytest.skip(f"{what} could not be installed here, so it was not asked")


def environment() -> dict[str, str]:
    return {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}


def asking(*command: str, folder: Path) -> Oracle:
    def ask(deliveries: Sequence[Delivery]) -> list[dict[str, bool]]:
        done = subprocess.run(
            command,
            cwd=folder,
            input=orjson.dumps(deliveries),
            capture_output=True,
            timeout=280,
            check=False,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr.decode()
        verdicts: list[dict[str, bool]] = orjson.loads(done.stdout)
        return verdicts

    return ask


def node() -> Oracle:
    program, npm, folder = tool("node"), tool("npm"), INSTALLED / "node"
    shutil.copytree(SOURCES / "node", folder, dirs_exist_ok=True)
    if not (folder / "node_modules" / "standardwebhooks").exists():
        quiet = ("--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
        prepared("standardwebhooks for Node.js", npm, "install", *quiet, folder=folder)
    return asking(program, "verify.mjs", folder=folder)


def go() -> Oracle:
    program, folder = tool("go"), INSTALLED / "go"
    shutil.copytree(SOURCES / "go", folder, dirs_exist_ok=True)
    prepared("standardwebhooks for Go", program, "mod", "download", folder=folder)
    return asking(program, "run", ".", folder=folder)


@pytest.fixture(scope="module", params=[node, go], ids=["node", "go"])
def oracle(request: pytest.FixtureRequest) -> Oracle:
    made: Oracle = request.param()
    return made


def signed(body: str, secret: str, key: str, *, secrets: Sequence[str], keys: Sequence[str]) -> Delivery:
    """A delivery signed with `secrets` and `keys`, to be verified by `secret` and by the public half of `key`."""
    headers = standard_headers("evt_1", int(time.time()), body.encode(), secrets, keys)
    return {"headers": headers, "body": body, "secret": secret, "jwk": jwk(public_key(key))}


def test_they_accept_each_kind_alone_and_both_in_one_header(oracle: Oracle) -> None:
    secret, key = new_secret(), new_private_key()
    for body in BODIES:
        alone = [
            signed(body, secret, key, secrets=[secret], keys=[]),
            signed(body, secret, key, secrets=[], keys=[key]),
        ]
        both = signed(body, secret, key, secrets=[secret], keys=[key])
        assert oracle([*alone, both]) == [
            {"v1": True, "v1a": False},
            {"v1": False, "v1a": True},
            {"v1": True, "v1a": True},
        ]


def test_while_keys_rotate_they_accept_the_current_and_the_former(oracle: Oracle) -> None:
    secrets, keys = [new_secret() for _ in range(3)], [new_private_key() for _ in range(3)]
    deliveries = [
        signed("{}", secret, key, secrets=secrets[:2], keys=keys[:2]) for secret, key in zip(secrets, keys, strict=True)
    ]
    assert oracle(deliveries) == [{"v1": True, "v1a": True}, {"v1": True, "v1a": True}, {"v1": False, "v1a": False}]


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "body"])
def test_they_refuse_what_was_changed(oracle: Oracle, name: str) -> None:
    changed = {"webhook-id": "evt_2", "webhook-timestamp": str(int(time.time()) + 7), "body": '{ "a":1}'}[name]
    secret, key = new_secret(), new_private_key()
    delivery = signed('{"a":1}', secret, key, secrets=[secret], keys=[key])
    (delivery if name == "body" else delivery["headers"])[name] = changed
    assert oracle([delivery]) == [{"v1": False, "v1a": False}]
