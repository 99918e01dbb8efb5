"""The variables of a request: from the address and from a form, each limited as PHP limits them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from edurelay_sandbox.moodle.arguments import php_variables

#: PHP's post_max_size: a larger body is dropped whole.
POST_MAX_SIZE = 8 * 1024 * 1024
_FORM = "application/x-www-form-urlencoded"


async def read_variables(request: web.Request) -> dict[str, Any]:
    """Return the variables of a request; those of a form win over those of the address. Only POST has a form."""
    variables = php_variables(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
    if request.method != "POST":
        return variables
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields = await request.post()
        return variables | php_variables((name, value) for name, value in fields.items() if isinstance(value, str))
    body = await request.read()
    if kind != _FORM or len(body) > POST_MAX_SIZE:
        return variables
    text = body.decode("utf-8", "replace")
    return variables | php_variables(parse_qsl(text, keep_blank_values=True))
