"""Every hostile input has a name, and exactly one answer.

Each is sent to a real server. Whatever it is, the server answers as documented, logs no secret and no traceback,
tells none in its answer, and serves the next sender as if nothing had happened.
"""

import base64
import gzip
import hashlib
import hmac
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from structlog.testing import capture_logs

from tests.support.events import body
from tests.support.front import TOKEN, receiving
from tests.support.sender import SECRET, Reply, Sender

CANARY = "canary-in-the-body-4711"
MAX_BODY = 100_000

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
BODIES: Mapping[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "one space": (b" ", 400),
    "NUL": (b"\0", 400),
    "one brace": (b"{", 400),
    "brackets that never close": (b"[" * 90_000, 400),
    "braces that never close": (b'{"a":' * 15_000, 400),
    "null": (b"null", 400),
    "true": (b"true", 400),
    "number": (b"42", 400),
    "minus zero": (b"-0", 400),
    "text": (b'"operation.progress"', 400),
    "array": (b"[]", 400),
    "array of events": (b"[" + GOOD_BODY + b"]", 400),
    "two documents": (GOOD_BODY + GOOD_BODY, 400),
    "lines of documents": (GOOD_BODY + b"\n" + GOOD_BODY, 400),
    "trailing text": (GOOD_BODY + b" and more", 400),
    "trailing comma": (GOOD_BODY[:-1] + b",}", 400),
    "trailing NUL": (GOOD_BODY + b"\0", 400),
    "cut in the middle": (GOOD_BODY[:100], 400),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD_BODY, 400),
    "UTF-16": (GOOD_BODY.decode().encode("utf-16"), 400),
    "UTF-16 without a mark": (GOOD_BODY.decode().encode("utf-16-le"), 400),
    "UTF-32": (GOOD_BODY.decode().encode("utf-32"), 400),
    "Latin-1": (with_member('"a":"ä"'.encode("latin-1")), 400),
    "not UTF-8 in a key": (with_member(b'"\xff":1'), 400),
    "overlong UTF-8": (with_member(b'"a":"\xc0\xaf"'), 400),
    "surrogate in UTF-8": (with_member(b'"a":"\xed\xa0\x80"'), 400),
    "UTF-8 cut off": (with_member(b'"a":"\xe2\x82"'), 400),
    "lone high surrogate": (with_member(rb'"a":"\ud83d"'), 400),
    "lone low surrogate": (with_member(rb'"a":"\udc00"'), 400),
    "surrogates the wrong way round": (with_member(rb'"a":"\udc00\ud83d"'), 400),
    "lone surrogate as key": (with_member(rb'"\ud83d":1'), 400),
    "escaped NUL": (with_member(rb'"a":"\u0000"'), 202),
    "raw control character": (with_member(b'"a":"\x01"'), 400),
    "raw line break in text": (with_member(b'"a":"\n"'), 400),
    "unknown escape": (with_member(rb'"a":"\x41"'), 400),
    "escape cut off": (with_member(rb'"a":"\u00"'), 400),
    "single quotes": (b"{'event':'operation.progress'}", 400),
    "comments": (b"/* hello */" + GOOD_BODY, 400),
    "unquoted key": (b"{event:1}", 400),
    "Python's None": (with_member(b'"a":None'), 400),
    "NaN": (with_member(b'"a":NaN'), 400),
    "Infinity": (with_member(b'"a":Infinity'), 400),
    "minus Infinity": (with_member(b'"a":-Infinity'), 400),
    "1e999": (with_member(b'"a":1e999'), 400),
    "-1e999": (with_member(b'"a":-1e999'), 400),
    "1e-999": (with_member(b'"a":1e-999'), 202),
    "minus zero as a value": (with_member(b'"a":-0'), 202),
    "leading zero": (with_member(b'"a":01'), 400),
    "leading plus": (with_member(b'"a":+1'), 400),
    "hexadecimal number": (with_member(b'"a":0x10'), 400),
    "number with separators": (with_member(b'"a":1_000'), 400),
    "full-width digits": (with_member('"a":１'.encode()), 400),
    "64-bit integer": (with_member(b'"a":9223372036854775807'), 202),
    "65-bit integer": (with_member(b'"a":9223372036854775808'), 400),
    "400-digit integer": (with_member(b'"a":' + b"9" * 400), 400),
    "5000-digit integer": (with_member(b'"a":' + b"9" * 5000), 400),
    "5000-digit fraction": (with_member(b'"a":0.' + b"9" * 5000), 202),
    "90000-digit integer": (with_member(b'"a":' + b"9" * 90_000), 400),
    "key twice": (with_member(b'"event":"operation.failed"'), 400),
    "key twice, escaped": (with_member(rb'"\u0065vent":"operation.failed"'), 400),
    "key twice, deep inside": (with_member(b'"a":{"b":[{"c":1,"c":2}]}'), 400),
    "31 levels": (nested(30), 202),
    "33 levels": (nested(33), 400),
    "1000 levels of objects": (nested(1000), 400),
    "1000 levels of arrays": (nested(1000, b"[", b"]"), 400),
    "40000 levels": (nested(40_000, b"[", b"]"), 400),
    "5000 keys": (json.dumps(GOOD | {f"key-{n}": n for n in range(5000)}).encode(), 202),
    "30000 numbers": (with_member(b'"a":[' + b"1," * 30_000 + b"1]"), 202),
    "90 kB of text": (with_member(b'"a":"' + b"x" * 90_000 + b'"'), 202),
    "90 kB of white space": (GOOD_BODY + b" " * 90_000, 202),
    "key of 90 kB": (with_member(b'"' + b"k" * 90_000 + b'":1'), 202),
    "one byte too many": (GOOD_BODY + b" " * (MAX_BODY - len(GOOD_BODY) + 1), 413),
    "ten times too large": (b" " * 10 * MAX_BODY, 413),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 400),
    "YAML": (b"event: !!python/object/apply:os.system ['id']", 400),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.", 400),
    "form": (b"event=operation.progress&operationId=op-1", 400),
    "gzip without saying so": (gzip.compress(GOOD_BODY), 400),
    "empty object": (b"{}", 422),
}

# Signed and JSON, but of other types and sizes than an event has.
EVENTS: Mapping[str, tuple[bytes, int]] = {
    "no event and no status": (b'{"operationId":"op-1"}', 422),
    "event is null": (with_envelope(event=None), 202),
    "event is a number": (with_envelope(event=1), 422),
    "event is an array": (with_envelope(event=["operation.progress"]), 422),
    "event is an object": (with_envelope(event={"name": "operation.progress"}), 422),
    "event is empty": (with_envelope(event=""), 422),
    "event is a path": (with_envelope(event="../../etc/passwd"), 422),
    "event is a template": (with_envelope(event="{{ 7 * 7 }}"), 422),
    "event has a line break": (with_envelope(event="operation.progress\nX-Injected: 1"), 422),
    "event is too long": (with_envelope(event="a" * 129), 422),
    "event is unknown": (with_envelope(event="operation.teleported"), 202),
    "event of another alphabet": (with_envelope(event="οperation.progress"), 422),
    "operation is null": (with_envelope(operation=None), 422),
    "operation is an array": (with_envelope(operation=[]), 422),
    "operation is text": (with_envelope(operation="op-1"), 422),
    "operation is a number": (with_envelope(operation=1), 422),
    "operation is true": (with_envelope(operation=True), 422),
    "operation is empty": (with_envelope(operation={}), 422),
    "id is null": (with_operation(operationId=None), 422),
    "id is empty": (with_operation(operationId=""), 422),
    "id is white space": (with_operation(operationId=" \t "), 422),
    "id is true": (with_operation(operationId=True), 422),
    "id is a fraction": (with_operation(operationId=1.5), 422),
    "id is an array": (with_operation(operationId=["op-1"]), 422),
    "id is an object": (with_operation(operationId={"$ne": None}), 422),
    "id is a number": (with_operation(operationId=4711), 202),
    "id is too long": (with_operation(operationId="x" * 257), 422),
    "id is as long as allowed": (with_operation(operationId="x" * 256), 202),
    "id with braces": (with_operation(operationId="{r:0}"), 202),
    "id with a line break": (with_operation(operationId="op\r\nSET a b"), 202),
    "id with colons": (with_operation(operationId="relay:q:due:0"), 202),
    "id with NUL": (with_operation(operationId="op\0"), 202),
    "id is a path": (with_operation(operationId="../../../etc/passwd"), 202),
    "id with markup": (with_operation(operationId="<script>alert(1)</script>"), 202),
    "id with a mention": (with_operation(operationId="<!channel>"), 202),
    "id right to left": (with_operation(operationId="op-\u202etxt.exe"), 202),
    "id of emoji": (with_operation(operationId="💥" * 256), 202),
    "name is a number": (with_operation(operationName=1), 422),
    "name is an object": (with_operation(operationName={"a": 1}), 422),
    "name is too long": (with_operation(operationName="x" * 1001), 422),
    "name is a template": (with_operation(operationName="{{ config.__class__ }}{% for a in b %}"), 202),
    "name of format directives": (with_operation(operationName="%s%n{0.__class__}${HOME}"), 202),
    "name injects a header": (with_operation(operationName="x\r\nBcc: everyone@example.com"), 202),
    "name colours a terminal": (with_operation(operationName="\x1b[31m"), 202),
    "type is an array": (with_operation(operationType=[]), 422),
    "type is too long": (with_operation(operationType="x" * 129), 422),
    "type is unknown": (with_operation(operationType="Teleportation"), 202),
    "status is a number": (with_operation(status=200), 422),
    "status is an array": (with_operation(status=["Running"]), 422),
    "status is too long": (with_operation(status="x" * 65), 422),
    "status is unknown": (with_operation(status="Pondering"), 202),
    "priority is a number": (with_operation(priority=1), 422),
    "progress is text": (with_operation(progress="50%"), 422),
    "progress is true": (with_operation(progress=True), 422),
    "progress is an array": (with_operation(progress=[50]), 422),
    "progress is null": (with_operation(progress=None), 202),
    "progress is below zero": (with_operation(progress=-5), 202),
    "progress is above 100": (with_operation(progress=1e300), 202),
    "percentage is text": (with_operation(progress={"percentage": "50"}), 422),
    "percentage is an object": (with_operation(progress={"percentage": {}}), 422),
    "phases completed below zero": (with_operation(progress={"percentage": 1, "phasesCompleted": -1}), 202),
    "phases completed is text": (with_operation(progress={"percentage": 1, "phasesCompleted": "two"}), 202),
    "current phase is an object": (with_operation(progress={"percentage": 1, "currentPhase": {}}), 202),
    "retry number is text": (with_operation(retryNumber="one"), 202),
    "retry number is huge": (with_operation(retryNumber=10**15), 202),
    "time is a number": (with_envelope(timestamp=1705749600), 422),
    "time is no date": (with_envelope(timestamp="yesterday"), 422),
    "time is empty": (with_envelope(timestamp=""), 422),
    "time in the year 99999": (with_envelope(timestamp="99999-01-01T00:00:00Z"), 422),
    "time in the year 0": (with_envelope(timestamp="0000-01-01T00:00:00Z"), 422),
    "time before the first year": (with_envelope(timestamp="0001-01-01T00:00:00+14:00"), 422),
    "time after the last year": (with_envelope(timestamp="9999-12-31T23:59:59-12:00"), 422),
    "time on 30 February": (with_envelope(timestamp="2024-02-30T00:00:00Z"), 422),
    "time at 25 o'clock": (with_envelope(timestamp="2024-01-20T25:00:00Z"), 422),
    "time with a leap second": (with_envelope(timestamp="2016-12-31T23:59:60Z"), 422),
    "time in a zone of 99 hours": (with_envelope(timestamp="2024-01-20T00:00:00+99:00"), 422),
    "event id is an object": (with_envelope(eventId={}), 422),
    "event id is a number": (with_envelope(eventId=1), 422),
    "event id is too long": (with_envelope(eventId="x" * 257), 422),
    "tenant is an array": (with_envelope(tenantId=[]), 422),
    "project is too long": (with_envelope(projectId="x" * 257), 422),
    "batch is text": (with_envelope(batch="batch-1"), 422),
    "batch is empty": (with_envelope(batch={}), 422),
    "batch event without a batch": (with_envelope(event="batch.completed"), 422),
    "parts of other types": (with_envelope(phase=1, results=True, error=[], cancellation=1.5), 202),
    "error is text": (with_envelope(error="it broke"), 202),
    "data is an array": (with_envelope(data=[1, 2]), 202),
    "payload in payload": (b'{"payload":{"payload":' + GOOD_BODY + b"}}", 422),
    "prototype pollution": (with_member(b'"__proto__":{"admin":true},"constructor":{"prototype":{}}'), 202),
    "Python's own names": (with_member(b'"__class__":"x","__init__":{"__globals__":1}'), 202),
}

EPOCH = 1_705_749_600  # what the receiver's clock says


def hexed(content: bytes = GOOD_BODY, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), content, algorithm).hexdigest()


# A good body, and what a stranger says about its origin.
SIGNATURES: Mapping[str, tuple[str, Headers]] = {
    "missing": ("ops", {"X-Webhook-Signature": ""}),
    "prefix alone": ("ops", {"X-Webhook-Signature": "sha256="}),
    "truncated": ("ops", {"X-Webhook-Signature": f"sha256={hexed()[:-2]}"}),
    "zeroes": ("ops", {"X-Webhook-Signature": "sha256=" + "0" * 64}),
    "sha1": ("ops", {"X-Webhook-Signature": f"sha1={hexed(algorithm='sha1')}"}),
    "sha512": ("ops", {"X-Webhook-Signature": f"sha512={hexed(algorithm='sha512')}"}),
    "md5": ("ops", {"X-Webhook-Signature": f"md5={hexed(algorithm='md5')}"}),
    "algorithm none": ("ops", {"X-Webhook-Signature": "none="}),
    "wrong prefix, right digest": ("ops", {"X-Webhook-Signature": f"sha512={hexed()}"}),
    "plain hash": ("ops", {"X-Webhook-Signature": f"sha256={hashlib.sha256(GOOD_BODY).hexdigest()}"}),
    "of the empty body": ("ops", {"X-Webhook-Signature": f"sha256={hexed(b'')}"}),
    "of another body": ("ops", {"X-Webhook-Signature": f"sha256={hexed(GOOD_BODY + b' ')}"}),
    "of the body in another layout": ("ops", {"X-Webhook-Signature": hexed(json.dumps(GOOD, indent=1).encode())}),
    "with an empty secret": ("ops", {"X-Webhook-Signature": f"sha256={hexed(secret='')}"}),
    "with the callback's token": ("ops", {"X-Webhook-Signature": f"sha256={hexed(secret=TOKEN)}"}),
    "the secret itself": ("ops", {"X-Webhook-Signature": SECRET}),
    "not ASCII": ("ops", {"X-Webhook-Signature": "sha256=ééé"}),
    "8 kB": ("ops", {"X-Webhook-Signature": "a" * 8000}),
    "8 kB of commas": ("ops", {"X-Webhook-Signature": "," * 8000}),
    "a thousand guesses": ("ops", {"X-Webhook-Signature": ",".join(f"{n:07x}" for n in range(1000))}),
    "under another name": ("ops", {"X-Webhook-Signature": "", "X-Hub-Signature-256": f"sha256={hexed()}"}),
    "as a token": ("ops", {"X-Webhook-Signature": "", "Authorization": f"Bearer {SECRET}"}),
    "as a password": ("ops", {"X-Webhook-Signature": "", "Authorization": "Basic " + base64.b64encode(
        f"relay:{SECRET}".encode()).decode()}),
    "as a cookie": ("ops", {"X-Webhook-Signature": "", "Cookie": f"secret={SECRET}"}),
    "github without prefix": ("github", {"X-Hub-Signature-256": hexed()}),
    "github by its old header": ("github", {"X-Hub-Signature-256": "", "X-Hub-Signature": "sha1=" + hexed(
        algorithm="sha1")}),
    "stripe without time": ("stripe", {"Stripe-Signature": f"v1={hexed()}"}),
    "stripe of tomorrow": ("stripe", {"Stripe-Signature": f"t={EPOCH + 86400},v1=" + hexed(
        f"{EPOCH + 86400}.".encode() + GOOD_BODY)}),
    "stripe of yesterday": ("stripe", {"Stripe-Signature": f"t={EPOCH - 86400},v1=" + hexed(
        f"{EPOCH - 86400}.".encode() + GOOD_BODY)}),
    "stripe time is nan": ("stripe", {"Stripe-Signature": "t=nan,v1=" + hexed(b"nan." + GOOD_BODY)}),
    "stripe time of 5000 digits": ("stripe", {"Stripe-Signature": "t=" + "9" * 5000 + ",v1=" + hexed(
        b"9" * 5000 + b"." + GOOD_BODY)}),
    "stripe two times": ("stripe", {"Stripe-Signature": f"t={EPOCH},t={EPOCH},v1=" + hexed(
        f"{EPOCH}.".encode() + GOOD_BODY)}),
    "standard without id": ("standard", {"webhook-id": ""}),
    "standard without time": ("standard", {"webhook-timestamp": ""}),
    "standard time is text": ("standard", {"webhook-timestamp": "now"}),
    "standard time is nan": ("standard", {"webhook-timestamp": "nan"}),
    "standard time below zero": ("standard", {"webhook-timestamp": f"-{EPOCH}"}),
    "standard time in milliseconds": ("standard", {"webhook-timestamp": f"{EPOCH}000"}),
    "standard time of 5000 digits": ("standard", {"webhook-timestamp": "1" * 5000}),
    "standard with another id": ("standard", {"webhook-id": "msg-2"}),
    "standard id with a full stop": ("standard", {"webhook-id": "msg.1"}),
    "standard garbage": ("standard", {"webhook-signature": "garbage"}),
    "standard not ASCII": ("standard", {"webhook-signature": "v1,é"}),
    "standard in two spellings": ("standard", {"webhook-id": "", "svix-id": "msg-1"}),
    "standard without its time, and Svix's": ("standard", {"webhook-timestamp": "", "svix-timestamp": f"{EPOCH}"}),
    "Svix alone, unsigned": ("standard", {"webhook-id": "", "webhook-timestamp": "", "webhook-signature": "",
                                          "svix-id": "msg-1", "svix-timestamp": f"{EPOCH}", "svix-signature": "v1,x"}),
    "standard three parts": ("standard", {"webhook-signature": "v1,a,b"}),
    "token missing": ("progress", {"Authorization": ""}),
    "token empty": ("progress", {"Authorization": "Bearer"}),
    "token of another source": ("progress", {"Authorization": f"Bearer {SECRET}"}),
    "token without Bearer": ("progress", {"Authorization": TOKEN}),
    "token truncated": ("progress", {"Authorization": f"Bearer {TOKEN[:-1]}"}),
    "token twice": ("progress", {"Authorization": f"Bearer {TOKEN} {TOKEN}"}),
    "token not ASCII": ("progress", {"Authorization": "Bearer ä"}),
}  # fmt: skip

# A good, signed body under headers that do not fit.
HEADERS: Mapping[str, tuple[Headers, int]] = {
    "gzip": ({"Content-Encoding": "gzip"}, 415),
    "deflate": ({"Content-Encoding": "deflate"}, 415),
    "brotli": ({"Content-Encoding": "br"}, 415),
    "zstandard": ({"Content-Encoding": "zstd"}, 415),
    "compress": ({"Content-Encoding": "compress"}, 415),
    "gzip twice": ({"Content-Encoding": "gzip, gzip"}, 415),
    "gzip after identity": ({"Content-Encoding": "identity,gzip"}, 415),
    "encoding not ASCII": ({"Content-Encoding": "gzıp"}, 415),
    "no JSON": ({"Content-Type": "text/plain"}, 415),
    "JavaScript": ({"Content-Type": "application/javascript"}, 415),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=AaB03x"}, 415),
    "type of 7 kB": ({"Content-Type": "application/" + "j" * 7000}, 415),
    "type not ASCII": ({"Content-Type": "application/jsön"}, 415),
    "type is garbage": ({"Content-Type": "%s%n"}, 415),
    "charset that does not exist": ({"Content-Type": "application/json; charset=bogus"}, 202),
    # Nothing signs these here, so they say nothing.
    "id of 257 characters": ({"webhook-id": "x" * 257}, 202),
    "id with a tab": ({"webhook-id": "a\tb"}, 202),
    "id right to left": ({"webhook-id": "a\u202eb"}, 202),
    "id of braces": ({"webhook-id": "{r:0}:due"}, 202),
    "CloudEvents' id of 7 kB": ({"ce-id": "x" * 7000}, 202),
    "CloudEvents' id right to left": ({"ce-id": "a\u202eb"}, 202),
    "CloudEvents' id of braces": ({"ce-id": "{r:0}:due"}, 202),
    "challenge beside an event": ({"webhook-challenge": "let-me-in"}, 202),
    "challenge of 7 kB": ({"webhook-challenge": "x" * 7000}, 202),
    "forwarded from everywhere": ({"X-Forwarded-For": ", ".join(["127.0.0.1"] * 500)}, 202),
    "method override": ({"X-HTTP-Method-Override": "DELETE"}, 202),
    "another host": ({"Host": "evil.example.com"}, 202),
    "range": ({"Range": "bytes=0-1"}, 202),
    "conditions": ({"If-None-Match": "*", "If-Match": '"x"'}, 202),
    "unknown expectation": ({"Expect": "the unexpected"}, 202),
    "100 headers": ({f"X-Header-{n}": "x" for n in range(100)}, 202),
    "300 headers": ({f"X-Header-{n}": "x" for n in range(300)}, 400),
    "header of 9 kB": ({"X-Long": "x" * 9000}, 400),
    "header name of 9 kB": ({"X-" + "x" * 9000: "x"}, 400),
}

HOST = b"Host: relay\r\n"
AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
QUERY = b"?token=" + TOKEN.encode()
BOMB = zlib.compress(b" " * 60_000)
START = b"POST /webhooks/ops HTTP/1.1\r\n" + HOST + AUTHORIZED

# Not HTTP/1.1 as it should be. Whatever can be read in two ways must not be read at all.
WIRE: Mapping[str, tuple[bytes, int]] = {
    "length and chunks": (START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": (START + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (START + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "the same length twice": (START + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "lengths in a list": (START + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "length below zero": (START + b"Content-Length: -1\r\n\r\n", 400),
    "length with a plus": (START + b"Content-Length: +2\r\n\r\n{}", 400),
    "length in hexadecimal": (START + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "length with a separator": (START + b"Content-Length: 1_0\r\n\r\n{}", 400),
    "length is text": (START + b"Content-Length: two\r\n\r\n{}", 400),
    "length is empty": (START + b"Content-Length: \r\n\r\n", 400),
    "length of 1 GB": (START + b"Content-Length: 1000000000\r\n\r\n", 413),
    "length of 100 digits": (START + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n", 400),
    "encoding twice": (START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (START + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "encoding unknown": (START + b"Transfer-Encoding: cow\r\n\r\n", 400),
    "encoding with a vertical tab": (START + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked, then not": (START + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "space before the colon": (START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "folded header": (START + b"X-Folded: a\r\n b\r\n\r\n", 400),
    "header without a colon": (START + b"X-Header\r\n\r\n", 400),
    "header without a name": (START + b": x\r\n\r\n", 400),
    "space in a header's name": (START + b"X Header: x\r\n\r\n", 400),
    "parentheses in a header's name": (START + b"X(): x\r\n\r\n", 400),
    "header's name not ASCII": (START + b"X-H\xe4der: x\r\n\r\n", 400),
    "NUL in a header": (START + b"X-Header: a\0b\r\n\r\n", 400),
    "bare CR in a header": (START + b"X-Header: a\rb\r\n\r\n", 400),
    "bare line feeds": (START.replace(b"\r\n", b"\n") + b"\n", 400),
    "two hosts": (START + HOST + b"\r\n", 400),
    "two content types": (START + b"Content-Type: text/plain\r\nContent-Type: application/json\r\n\r\n", 400),
    "two signatures": (START + b"X-Webhook-Signature: a\r\nx-webhook-signature: b\r\n\r\n", 401),
    "signature not UTF-8": (START + b"X-Webhook-Signature: sha256=\xff\xfe\r\nContent-Length: 0\r\n\r\n", 401),
    "chunk size is text": (START + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size below zero": (START + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size with 0x": (START + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size too large": (START + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size of 9 kB": (START + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 9000 + b"2\r\n{}\r\n0\r\n\r\n", 401),
    "chunk longer than its size": (START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n", 400),
    "chunk ends with a line feed": (START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n", 400),
    "chunk extension with a line feed": (START + b"Transfer-Encoding: chunked\r\n\r\n2;\na\r\n{}\r\n0\r\n\r\n", 400),
    "version 0.9": (b"POST /webhooks/ops\r\n\r\n", 401),
    "version 1.2": (b"POST /webhooks/ops HTTP/1.2\r\n" + HOST + b"\r\n", 400),
    "version 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "version 9.9": (b"POST /webhooks/ops HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    "version in small letters": (b"GET /healthz http/1.1\r\n" + HOST + b"\r\n", 400),
    "another protocol": (b"POST /webhooks/ops RTSP/1.0\r\n" + HOST + b"\r\n", 401),
    "no version": (b"GET /healthz HTTP/\r\n" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + TOKEN.encode() + b"\r\n\r\n", 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", 400),
    "SMTP": (b"EHLO example.com\r\n\r\n", 400),
    "Redis": (b"*1\r\n$8\r\nFLUSHALL\r\n\r\n", 400),
    "NULs": (b"\0" * 100 + b"\r\n\r\n", 400),
    "random bytes": (hashlib.sha256(b"random").digest() + b"\r\n\r\n", 400),
    "method with a space": (b"PO ST /webhooks/ops HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "method not ASCII": ("PÖST /webhooks/ops HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "method TRACE": (b"TRACE /webhooks/ops HTTP/1.1\r\n" + HOST + AUTHORIZED + b"\r\n", 405),
    "method HEAD": (b"HEAD /webhooks/ops HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "method PROPFIND": (b"PROPFIND /webhooks/ops HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "tab in the request line": (b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address of 9 kB": (b"POST /webhooks/" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address of 8 kB": (b"POST /webhooks/" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address of another server": (b"POST http://evil.example.com/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "address of a broken server": (b"POST http://[::1/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address with a NUL": (b"POST /webhooks/ops\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address with an escaped NUL": (b"POST /webhooks/ops%00 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address not UTF-8": (b"POST /webhooks/%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address with raw bytes": (b"POST /webhooks/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address with a broken escape": (b"POST /webhooks/%zz HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address that climbs": (b"GET /webhooks/../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address that climbs, escaped": (b"GET /webhooks/%2e%2e%2f%2e%2e%2fetc HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address with two slashes": (b"POST //webhooks/ops HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address with a slash at the end": (b"POST /webhooks/ops/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address in capitals": (b"POST /WEBHOOKS/OPS HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address without a source": (b"POST /webhooks/ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address of the lookup": (b"POST /webhooks/${jndi:ldap://evil/a} HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address of Python's own names": (b"POST /webhooks/__class__ HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "token in another source's address": (b"POST /webhooks/ops" + QUERY + b" HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    "token twice in the address": (b"POST /webhooks/progress" + QUERY + b"&" + QUERY[1:] + b" HTTP/1.1\r\n" + HOST
                                   + b"\r\n", 401),
    "token of surrogates": (b"POST /webhooks/progress?token=%ED%A0%80 HTTP/1.1\r\n" + HOST
                            + b"Content-Length: 0\r\n\r\n", 401),
    "token of raw bytes": (b"POST /webhooks/progress?token=\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "query of 7 kB": (b"POST /webhooks/progress?" + b"a=1&" * 1700 + b" HTTP/1.1\r\n" + HOST
                      + b"Content-Length: 0\r\n\r\n", 401),
    "upgrade to a websocket": (START + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 401),
    "upgrade to HTTP/2": (START + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", 401),
    "tunnel": (b"CONNECT evil.example.com:443 HTTP/1.1\r\n" + HOST + AUTHORIZED + b"\r\n", 404),
    "deflate bomb": (START + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, 415),
    "deflate bomb in chunks": (START + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n"
                               + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BOMB), BOMB), 415),
    "second request smuggled behind the first": (
        START + b"Content-Length: 0\r\n\r\nGET /metrics HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    "a hundred requests at once": ((START + b"Content-Length: 0\r\n\r\n") * 100, 401),
    "no host": (b"POST /webhooks/ops HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
}  # fmt: skip

# Where aiohttp's pure Python parser, used where there is no compiled one, reads the same bytes in another harmless way.
PURE_PYTHON: Mapping[str, int] = {
    "length of 100 digits": 413, "chunked twice": 401, "chunk size too large": 408, "chunk size of 9 kB": 400,
    "version 0.9": 400, "version 1.2": 401, "version 9.9": 401, "another protocol": 400,
    "address with raw bytes": 404, "token of raw bytes": 401,
}  # fmt: skip


async def assert_harmless(
    hostile: Callable[[Sender], bytes], status: int, caplog: pytest.LogCaptureFixture, source: str = "ops"
) -> None:
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        async with receiving(max_body=MAX_BODY, body_timeout=1.0) as front:
            sender = front.sender(source)
            sent = hostile(sender)
            reply = await sender.exchange(sent, bodiless=sent.startswith(b"HEAD"))
            taken = len(front.events)
            after = await front.sender("ops").post(GOOD)

    assert reply.status == status
    assert_tells_nothing(reply)
    said = f"{lines} {caplog.text} {reply.headers} {reply.body!r}"
    assert [secret for secret in (SECRET, TOKEN, CANARY, "Traceback") if secret in said] == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []
    assert taken == (status == 202)
    assert after.status == 202


def assert_tells_nothing(reply: Reply) -> None:
    assert not 300 <= reply.status < 400
    assert reply.status not in (410, 500)
    if reply.status >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["server"] == "relay"
    if reply.status >= 400 and reply.body:
        assert reply.document.keys() <= {"type", "title", "status", "detail", "field", "quarantine"}
        assert ".py" not in reply.body.decode()


@pytest.mark.parametrize(("sent", "status"), BODIES.values(), ids=BODIES)
async def test_a_hostile_body_is_harmless(sent: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    await assert_harmless(lambda sender: sender.raw(sent), status, caplog)


@pytest.mark.parametrize(("sent", "status"), EVENTS.values(), ids=EVENTS)
async def test_a_hostile_event_is_harmless(sent: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    await assert_harmless(lambda sender: sender.raw(sent), status, caplog)


@pytest.mark.parametrize(("source", "headers"), SIGNATURES.values(), ids=SIGNATURES)
async def test_a_hostile_signature_is_harmless(source: str, headers: Headers, caplog: pytest.LogCaptureFixture) -> None:
    await assert_harmless(lambda sender: sender.raw(GOOD_BODY, headers), 401, caplog, source)


@pytest.mark.parametrize(("headers", "status"), HEADERS.values(), ids=HEADERS)
async def test_hostile_headers_are_harmless(headers: Headers, status: int, caplog: pytest.LogCaptureFixture) -> None:
    await assert_harmless(lambda sender: sender.raw(GOOD_BODY, headers), status, caplog)


@pytest.mark.parametrize("name", WIRE)
async def test_hostile_bytes_are_harmless(name: str, caplog: pytest.LogCaptureFixture) -> None:
    sent, status = WIRE[name]
    if HttpRequestParser is HttpRequestParserPy:
        status = PURE_PYTHON.get(name, status)

    await assert_harmless(lambda _: sent, status, caplog)


def test_there_are_more_than_two_hundred_of_them() -> None:
    assert sum(len(table) for table in (BODIES, EVENTS, SIGNATURES, HEADERS, WIRE)) >= 200
