"""Bodies that are at fault, each by its name with the one status that answers it."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

from tests.support.events import body

MAX_BODY = 100_000
CANARY = "canary-in-the-body-4711"

GOOD = body() | {"note": CANARY}
GOOD_BODY = json.dumps(GOOD).encode()

Headers = Mapping[str, str]


def with_operation(**changes: Any) -> bytes:
    return json.dumps(GOOD | {"operation": GOOD["operation"] | changes}).encode()


def with_envelope(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def with_member(text: bytes) -> bytes:
    """The good body with one more member, written as this text."""
    return GOOD_BODY[:-1] + b"," + text + b"}"


def nested(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    return with_member(b'"deep":' + opening * levels + b"1" + closing * levels)


# Signed correctly: the sender is known, and its body is at fault.
BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "one brace": (b"{", 400),
    "brackets that never close": (b"[" * 90_000, 400),
    "braces that never close": (b'{"a":' * 15_000, 400),
    "two documents": (GOOD_BODY + GOOD_BODY, 400),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD_BODY, 400),
    "UTF-16": (GOOD_BODY.decode().encode("utf-16"), 400),
    "Latin-1": (with_member('"a":"ä"'.encode("latin-1")), 400),
    "lone high surrogate": (with_member(rb'"a":"\ud83d"'), 400),
    "escaped NUL": (with_member(rb'"a":"\u0000"'), 202),
    "raw control character": (with_member(b'"a":"\x01"'), 400),
    "NaN": (with_member(b'"a":NaN'), 400),
    "1e999": (with_member(b'"a":1e999'), 400),
    "64-bit integer": (with_member(b'"a":9223372036854775807'), 202),
    "65-bit integer": (with_member(b'"a":9223372036854775808'), 400),
    "400-digit integer": (with_member(b'"a":' + b"9" * 400), 400),
    "90000-digit integer": (with_member(b'"a":' + b"9" * 90_000), 400),
    "key twice": (with_member(b'"event":"operation.failed"'), 202),
    "key twice, deep inside": (with_member(b'"a":{"b":[{"c":1,"c":2}]}'), 202),
    "31 levels": (nested(30), 202),
    "33 levels": (nested(33), 400),
    "40000 levels": (nested(40_000, b"[", b"]"), 400),
    "5000 keys": (json.dumps(GOOD | {f"key-{n}": n for n in range(5000)}).encode(), 202),
    "90 kB of text": (with_member(b'"a":"' + b"x" * 90_000 + b'"'), 202),
    "90 kB of white space": (GOOD_BODY + b" " * 90_000, 202),
    "key of 90 kB": (with_member(b'"' + b"k" * 90_000 + b'":1'), 202),
    "one byte too many": (GOOD_BODY + b" " * (MAX_BODY - len(GOOD_BODY) + 1), 413),
    "ten times too large": (b" " * 10 * MAX_BODY, 413),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 400),
    "form": (b"event=operation.progress&operationId=op-1", 400),
    "gzip without saying so": (gzip.compress(GOOD_BODY), 400),
    "empty object": (b"{}", 422),
}

# Signed and JSON, but of other types and sizes than an event has.
EVENTS: dict[str, tuple[bytes, int]] = {
    "no event and no status": (b'{"operationId":"op-1"}', 422),
    "event is null": (with_envelope(event=None), 202),
    "event is a number": (with_envelope(event=1), 422),
    "event is unknown": (with_envelope(event="operation.teleported"), 202),
    "event of another alphabet": (with_envelope(event="οperation.progress"), 422),
    "operation is null": (with_envelope(operation=None), 422),
    "id is a number": (with_operation(operationId=4711), 202),
    "id is too long": (with_operation(operationId="x" * 257), 422),
    "id is as long as allowed": (with_operation(operationId="x" * 256), 202),
    "id with a line break": (with_operation(operationId="op\r\nSET a b"), 202),
    "id is a path": (with_operation(operationId="../../../etc/passwd"), 202),
    "id with a mention": (with_operation(operationId="<!channel>"), 202),
    "name is too long": (with_operation(operationName="x" * 1001), 422),
    "name is a template": (with_operation(operationName="{{ config.__class__ }}{% for a in b %}"), 202),
    "name of format directives": (with_operation(operationName="%s%n{0.__class__}${HOME}"), 202),
    "name injects a header": (with_operation(operationName="x\r\nBcc: everyone@example.com"), 202),
    "status is unknown": (with_operation(status="Pondering"), 202),
    "progress is below zero": (with_operation(progress=-5), 202),
    "progress is above 100": (with_operation(progress=1e300), 202),
    "retry number is huge": (with_operation(retryNumber=10**15), 202),
    "time in the year 99999": (with_envelope(timestamp="99999-01-01T00:00:00Z"), 422),
    "time before the first year": (with_envelope(timestamp="0001-01-01T00:00:00+14:00"), 422),
    "time after the last year": (with_envelope(timestamp="9999-12-31T23:59:59-12:00"), 422),
    "tenant is an array": (with_envelope(tenantId=[]), 422),
    "batch event without a batch": (with_envelope(event="batch.completed"), 422),
    "parts of other types": (with_envelope(phase=1, results=True, error=[], cancellation=1.5), 202),
    "error is text": (with_envelope(error="it broke"), 202),
    "data is an array": (with_envelope(data=[1, 2]), 202),
    "payload in payload": (b'{"payload":{"payload":' + GOOD_BODY + b"}}", 422),
    "prototype pollution": (with_member(b'"__proto__":{"admin":true},"constructor":{"prototype":{}}'), 202),
}
