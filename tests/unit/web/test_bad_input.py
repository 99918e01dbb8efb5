"""Bad input: always a 4xx problem that names the field, never a 500, and the next good request works."""

from __future__ import annotations

import gzip

import pytest

from unit.web.api import Api

GOOD = b'{"name":"good"}'

BAD_BODIES = {
    "empty": (b"", 400, "body_required", "body"),
    "malformed": (b'{"name":', 400, "malformed_json", "body"),
    "no object": (b"[]", 422, "invalid_request", "body"),
    "a number": (b"1", 422, "invalid_request", "body"),
    "null": (b"null", 422, "invalid_request", "body"),
    "missing field": (b"{}", 422, "invalid_request", "name"),
    "wrong type": (b'{"name":5}', 422, "invalid_request", "name"),
    "number as text": (b'{"name":"x","parts":[{"size":"5"}]}', 422, "invalid_request", "parts[0].size"),
    "float for int": (b'{"name":"x","parts":[{"size":1.5}]}', 422, "invalid_request", "parts[0].size"),
    "bool for int": (b'{"name":"x","parts":[{"size":true}]}', 422, "invalid_request", "parts[0].size"),
    "wrong enum": (b'{"name":"x","colour":"green"}', 422, "invalid_request", "colour"),
    "wrong date": (b'{"name":"x","since":"yesterday"}', 422, "invalid_request", "since"),
    "unknown field": (b'{"name":"x","nmae":"y"}', 422, "invalid_request", "nmae"),
    "deep inside": (b'{"name":"x","parts":[{"size":1},{"size":1,"note":7}]}', 422, "invalid_request", "parts[1].note"),
    "5 MB": (b'{"name":"' + b"x" * 5_000_000 + b'"}', 413, "too_large", "body"),
    "depth 10,000": (b"[" * 10_000, 400, "too_deep", "body"),
    "many values": (b"[" + b"0," * 100_000 + b"0]", 400, "too_many_values", "body"),
    "NaN": (b'{"name":NaN}', 400, "malformed_json", "body"),
    "infinite": (b'{"name":1e999}', 400, "malformed_json", "body"),
    "2^63": (b'{"name":"x","data":{"a":[9223372036854775808]}}', 400, "integer_out_of_range", "data.a[0]"),
    "-2^63-1": (b'{"name":"x","data":{"a":-9223372036854775809}}', 400, "integer_out_of_range", "data.a"),
    "NUL in a text": (b'{"name":"x\\u0000"}', 400, "nul_character", "name"),
    "NUL in a name": (b'{"name":"x","data":{"a\\u0000":1}}', 400, "forbidden_key", "data.a\0"),
    "operator": (b'{"name":"x","data":{"$where":"1"}}', 400, "forbidden_key", "data.$where"),
    "lone surrogate": (b'{"name":"\\udc00"}', 400, "malformed_json", "body"),
    "invalid UTF-8": (b'{"name":"\xc3\x28"}', 400, "malformed_json", "body"),
    "BOM": (b"\xef\xbb\xbf" + GOOD, 400, "malformed_json", "body"),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400, "malformed_json", "body"),
}


@pytest.mark.parametrize(("raw", "status", "code", "field"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_a_bad_body_is_a_problem_that_names_the_field(
    api: Api, raw: bytes, status: int, code: str, field: str
) -> None:
    answer = await api.post("/v1/things", raw)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (status, code, field)
    assert (await api.post("/v1/things", GOOD)).status == 201


async def test_all_fields_that_are_wrong_are_listed_without_their_values(api: Api) -> None:
    raw = b'{"name":5550123,"colour":"canary","parts":[{"size":1},{"note":"canary-canary"}]}'
    answer = await api.post("/v1/things", raw)
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("name", "string_type"),
        ("colour", "enum"),
        ("parts[1].size", "missing"),
        ("parts[1].note", "string_too_long"),
    ]
    assert b"canary" not in answer.raw
    assert b"5550123" not in answer.raw


async def test_a_great_many_errors_are_cut_to_a_readable_number(api: Api) -> None:
    answer = await api.post("/v1/things", b'{"name":"x","parts":[' + b"0," * 5000 + b"0]}")
    assert answer.status == 422
    assert len(answer.json["errors"]) == 50
    assert "5001 errors in all" in answer.json["detail"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", "multipart/form-data", ""]
)
async def test_a_body_that_is_not_called_json_is_415(api: Api, content_type: str) -> None:
    answer = await api.post("/v1/things", GOOD, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (
        415,
        "unsupported_media_type",
        "Content-Type",
    )


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/cloudevents+json"],
)
async def test_json_goes_by_several_names(api: Api, content_type: str) -> None:
    assert (await api.post("/v1/things", GOOD, headers={"Content-Type": content_type})).status == 201


@pytest.mark.parametrize("path", ["/v1/things", "/in/1"])
async def test_a_compressed_body_is_415_and_never_inflated(api: Api, path: str) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = await api.post(path, bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (
        415,
        "unsupported_encoding",
        "Content-Encoding",
    )
    assert (await api.post("/v1/things", GOOD)).status == 201


async def test_an_endless_body_is_cut_off_at_its_limit(api: Api) -> None:
    head = b"POST /in/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await api.say(head + b"200\r\n" + b"x" * 0x200 + b"\r\n" + b"200\r\n" + b"x" * 0x200 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_the_limit_is_told(api: Api) -> None:
    answer = await api.call("POST", "/in/1", key=None, data=b"x" * 1001)
    assert (answer.status, answer.json["limit"]) == (413, 1000)
    assert (await api.call("POST", "/in/1", key=None, data=b"x" * 1000)).status == 202


async def test_a_broken_chunk_is_a_400(api: Api) -> None:
    head = b"POST /in/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await api.say(head + b"zz\r\nx\r\n")).startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_parameter", "limit"),
        ("limit=1001", "invalid_parameter", "limit"),
        ("limit=ten", "invalid_parameter", "limit"),
        ("limit=1e3", "invalid_parameter", "limit"),
        ("limit=9223372036854775808", "invalid_parameter", "limit"),
        ("limit=" + "9" * 5000, "invalid_parameter", "limit"),
        ("colour=green", "invalid_parameter", "colour"),
        ("nothing=1", "unknown_parameter", "nothing"),
        ("$where=1", "unknown_parameter", "$where"),
        ("limit=1&limit=2", "repeated_parameter", "limit"),
        ("cursor=a%00b", "nul_character", "cursor"),
        ("limit=", "invalid_parameter", "limit"),
    ],
)
async def test_a_bad_parameter_is_a_400_that_names_it(api: Api, query: str, code: str, field: str) -> None:
    answer = await api.call("GET", f"/v1/things?{query}")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, code, field)


async def test_good_parameters_are_converted(api: Api) -> None:
    answer = await api.call("GET", "/v1/things?limit=5&colour=blue&tag=a&tag=b")
    assert answer.json["query"] == {"limit": 5, "cursor": None, "colour": "blue", "tag": ["a", "b"]}


async def test_a_parameter_in_broken_utf8_is_harmless(api: Api) -> None:
    answer = await api.call("GET", "/v1/things/1")
    assert answer.status == 200
    raw = await api.say(b"GET /v1/things?cursor=%FF%C3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-a\r\n\r\n")
    assert raw.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))


async def test_an_operation_without_parameters_refuses_any(api: Api) -> None:
    answer = await api.call("GET", "/v1/things/1?verbose=1")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "unknown_parameter", "verbose")


@pytest.mark.parametrize(
    "text",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /v1/things HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/things HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /in/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /in/1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /in/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: the-impossible\r\n\r\nx",
    ],
)
async def test_what_is_not_http_is_refused(api: Api, text: bytes) -> None:
    assert (await api.say(text)).startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert (await api.post("/v1/things", GOOD)).status == 201
