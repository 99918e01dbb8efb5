"""Inbound webhooks. Moodle itself sends none; a plugin or a script of the school can say what changed:

`{"stream": "students", "keys": ["315"]}`, or a list of such objects.
"""

from __future__ import annotations

from typing import Any

import orjson

from edurelay_connector_runner.sdk import BadRecord, Change

MAX_KEYS = 1_000
_MAX_KEY = 256


def parse(body: bytes, streams: frozenset[str]) -> list[Change]:
    """Return the changes that a webhook tells. Raises `BadRecord`."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRecord("the body is not JSON") from error
    changes = [_change(one, streams) for one in (told if isinstance(told, list) else [told])]
    if not changes:
        raise BadRecord("the body tells no change")
    if sum(len(change.keys) for change in changes) > MAX_KEYS:
        raise BadRecord(f"more than {MAX_KEYS} keys at once; start a run instead", field="keys")
    return changes


def _change(told: Any, streams: frozenset[str]) -> Change:
    if not isinstance(told, dict):
        raise BadRecord('a change is an object like {"stream": "students", "keys": ["315"]}')
    stream, keys = told.get("stream"), told.get("keys")
    if not isinstance(stream, str) or stream not in streams:
        raise BadRecord(f"there are these streams: {', '.join(sorted(streams))}", field="stream")
    if not isinstance(keys, list) or not keys:
        raise BadRecord("the keys are a list of external ids", field="keys")
    return Change(stream, [_key(key) for key in keys])


def _key(key: Any) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not 0 < len(key) <= _MAX_KEY:
        raise BadRecord("a key is a text or a number", field="keys")
    return key
