"""The page that shows an API's contract: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
details { border: 1px solid var(--line); border-radius: 6px; margin: 0.5rem 0; padding: 0.4rem 0.8rem; }
summary { cursor: pointer; }
summary .method { display: inline-block; min-width: 4.5em; font-weight: 700; }
summary .about { opacity: 0.75; margin-left: 0.75em; }
table { border-collapse: collapse; width: 100%; margin: 0.4rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.6rem 0.25rem 0; border-top: 1px solid var(--line); }
.required::after { content: " *"; color: #c33; }
nav a { margin-right: 1rem; }
"""


def docs_page(document: dict[str, Any]) -> bytes:
    """Return the OpenAPI document as a page of HTML for people."""
    return "".join(_page(document)).encode()


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    tags = [tag["name"] for tag in document["tags"]]
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><h1>{title}</h1><nav>'
    for name in [*tags, "schemas"]:
        yield f'<a href="#{escape(name)}">{escape(name)}</a>'
    yield '<a href="openapi.json">openapi.json</a></nav>'
    for tag in tags:
        yield f'<h2 id="{escape(tag)}">{escape(tag)}</h2>'
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag in operation["tags"]:
                    yield from _operation(document, method, path, operation)
    yield '<h2 id="schemas">schemas</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield from _schema(schema)
        yield "</details>"


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<details id="{escape(operation["operationId"])}"><summary>'
    yield f'<code><span class="method">{method.upper()}</span>'
    yield f' {escape(path)}</code><span class="about">{escape(operation["summary"])}</span></summary>'
    if "description" in operation:
        yield f"<p>{escape(operation['description'])}</p>"
    callers = [
        document["components"]["securitySchemes"][name] for each in operation.get("security", []) for name in each
    ]
    yield f"<p>Who may call: {escape(callers[0]['description'] if callers else 'anybody.')}</p>"
    if "parameters" in operation:
        yield "<table><tr><th>parameter<th>in<th>type<th>meaning"
        for parameter in operation["parameters"]:
            yield from _parameter(document, parameter)
        yield "</table>"
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{escape(content_type)}</code> {_type(content.get('schema', {}))}</p>"
        yield from _schema(content.get("schema", {}))
    yield "<table><tr><th>answer<th>body<th>meaning"
    for status, response in operation["responses"].items():
        bodies = ", ".join(_type(content["schema"]) for content in response.get("content", {}).values())
        yield f"<tr><td>{escape(status)}<td>{bodies}<td>{escape(response['description'])}"
    yield "</table></details>"


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Iterator[str]:
    if "$ref" in parameter:
        parameter = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    required = " class=required" if parameter.get("required") else ""
    yield f"<tr><td><code{required}>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}"
    yield f"<td>{_type(parameter['schema'])}<td>{escape(parameter.get('description', ''))}"


def _schema(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the fields of an object as a table, or one line for anything else."""
    if "description" in schema:
        yield f"<p>{escape(schema['description'])}</p>"
    if "properties" not in schema:
        if "$ref" not in schema:
            yield f"<p>{_type(schema)}</p>"
        return
    yield "<table><tr><th>field<th>type<th>meaning"
    for name, declared in schema["properties"].items():
        required = " class=required" if name in schema.get("required", []) else ""
        yield f"<tr><td><code{required}>{escape(name)}</code><td>{_type(declared)}"
        yield f"<td>{escape(declared.get('description', ''))}"
    yield "</table>"


def _type(schema: dict[str, Any]) -> str:
    """Return a type in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}"><code>{name}</code></a>'
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(_type(each) for each in schema[choice])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    described = escape(str(schema.get("format") or schema.get("type") or "any value"))
    bounds = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most"}
    limits = " ".join(f"{word} {schema[name]}" for name, word in bounds.items() if name in schema)
    default = f", {escape(str(schema['default']))} if left out" if schema.get("default") is not None else ""
    return f"{described} {limits}".strip() + default
