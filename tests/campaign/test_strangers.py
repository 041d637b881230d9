"""What a stranger must not hear is noticed, whoever says it: another sentence, an echo, a version, an open door."""

from random import Random

import pytest

from campaign import strangers
from campaign.report import Report
from campaign.requests import Request
from campaign.strangers import ALL_KNOWN, ANSWERED, CLOSED, KINDS, NO_ECHO, NO_HEADERS, judge, junk, sentence_of

REQUEST = Request(b"GET", b"/metrics")
HEAD = b"HTTP/1.1 404 Not Found\r\nServer: relay\r\n\r\n"
BODY = b'{"type": "about:blank", "title": "Not Found", "status": 404}'


def broken(head: bytes = HEAD, body: bytes = BODY, kind: str = "an unknown path") -> set[str]:
    report = Report("strangers")
    judge(report, {}, kind, "mark1x1", REQUEST, head, body)
    return {*report.broken}


def test_a_plain_refusal_tells_nothing() -> None:
    assert broken() == set()


@pytest.mark.parametrize(
    ("head", "body", "promise"),
    [
        (b"", b"", ANSWERED),
        (HEAD, BODY[:-1] + b', "detail": "There is no source hmac2."}', ALL_KNOWN),
        (HEAD.replace(b"404", b"500"), BODY, ALL_KNOWN),
        (HEAD.replace(b"relay", b"Python/3.13 aiohttp/3.14"), BODY, NO_HEADERS),
        (HEAD.replace(b"\r\n\r\n", b"\r\nX-Powered-By: relay\r\n\r\n"), BODY, NO_HEADERS),
        (HEAD, BODY[:-1] + b', "path": "mark1x1"}', NO_ECHO),
        (HEAD.replace(b"\r\n\r\n", b"\r\nLocation: /mark1x1\r\n\r\n"), BODY, NO_ECHO),
        (HEAD, b"<html><h1>This link does not work</h1><script>1</script></html>", "no page holds an active element"),
    ],
    ids=str,
)
def test_what_tells_more_is_noticed(head: bytes, body: bytes, promise: str) -> None:
    assert promise in broken(head, body)


def test_an_open_door_is_noticed() -> None:
    assert CLOSED in broken(b"HTTP/1.1 200 OK\r\n\r\n", b'{"ready": true}', "an operators' path")


def test_each_kind_of_junk_is_played_and_is_the_same_again() -> None:
    played = [*junk(Random("1"), 400)]

    assert {kind for kind, _, _ in played} == {*KINDS}
    assert played == [*junk(Random("1"), 400)]
    assert all(b" " not in request.target and request.target.isascii() for _, _, request in played)


def test_a_sentence_is_what_a_person_reads() -> None:
    assert sentence_of(BODY) == ""
    assert sentence_of(b'{"title": "x", "detail": "why"}') == "why"
    assert sentence_of(b"<html><h1>This link does not work</h1></html>") == "This link does not work"
    assert sentence_of(b'{"status": "ok"}') == '{"status": "ok"}'
    assert strangers.KNOWN[401] == {"The signature is missing, wrong or too old."}
