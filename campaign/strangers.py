"""Junk at each public address. The answers are constant, and all of them are known: a stranger learns nothing."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from random import Random

from campaign.active import in_html
from campaign.payloads import payload
from campaign.pipelines import replies
from campaign.report import Report
from campaign.requests import Header, Request
from campaign.seeds import FORM, HOST, JSON
from campaign.target import Target
from tests.support.patience import patience

Make = Callable[[Random, str], tuple[str, bytes, tuple[Header, ...], bytes]]  # target, method, headers, body

FULL = 20_000
BATCH = 50
OPERATORS = ("/metrics", "/openapi.json", "/console", "/console/", "/admin", "/debug", "/status", "/api", "/.env",
             "/.git/config",
             "/robots.txt", "/favicon.ico", "/server-status", "/actuator/health", "/metrics/", "/docs", "/health",
             "/ready")  # fmt: skip
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH")
# Everything that a stranger may hear, by status: the document's detail, or the first words of a page. A new sentence is
# before an entry, read it: does it say more than that relay is there?
KNOWN: Mapping[int, frozenset[str]] = {
    200: frozenset({
        '{"status": "ok"}', '{"ready": true}', "",
        "This is relay, the webhook target for long-running operations: it tells people what happens to them.",
    }),
    400: frozenset({"", "The body ended early, or is chunked wrongly.", "This is not a valid HTTP/1.1 request."}),
    401: frozenset({"The signature is missing, wrong or too old."}),
    404: frozenset({"", "No source has this address.", "This link does not work", "Dieser Link funktioniert nicht"}),
    405: frozenset({"", "Events are sent with POST."}),
    408: frozenset({"The body must be complete within 10 s, or come with 32 KiB a second."}),
    413: frozenset({"", "The body may have up to 1048576 bytes."}),
    415: frozenset({"Send the body as application/json.", "Send the body without a content encoding."}),
    417: frozenset({""}),
}  # fmt: skip
HEADERS = {"content-type", "content-length", "date", "server", "x-content-type-options", "cache-control",
           "connection", "allow",
           "www-authenticate", "retry-after", "content-security-policy", "referrer-policy", "x-robots-tag",
           "vary"}  # fmt: skip

ANSWERED = "each request is answered"
ALL_KNOWN = "each answer to a stranger is one of those that are known"
NO_HEADERS = "no header of an answer tells more than these do: server is relay alone"
CONSTANT = "the same kind of junk is answered alike, whatever it says"
NO_ECHO = "no answer repeats what a stranger sent"
CLOSED = "what is the operators' is not there for strangers"


async def strangers(target: Target, count: int, seed: int) -> Report:
    report = Report("strangers")
    dice = Random(f"{seed} strangers")
    answers: dict[str, set[str]] = {}
    kinds = [*junk(dice, count)]
    for start in target.while_in_time(range(0, len(kinds), BATCH)):
        batch = kinds[start : start + BATCH]
        async for (kind, mark, request), (head, body) in replies(target.address, batch, patience()):
            report.counts[f"junk: {kind}"] += 1
            target.outputs.add("answers", body)
            judge(report, answers, kind, mark, request, head, body)
    for kind, heard in answers.items():
        report.promise(CONSTANT, len(heard) == 1, f"{kind}: {sorted(heard)[:4]}")
    report.counts["distinct answers"] = len(set().union(*answers.values()))
    return report


def judge(
    report: Report, answers: dict[str, set[str]], kind: str, mark: str, request: Request, head: bytes, body: bytes
) -> None:
    if not report.promise(ANSWERED, bool(head), f"{kind} {request.target!r}"):
        return
    status, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    number, sentence = int(status.split(" ")[1]), sentence_of(body)
    answers.setdefault(f"{kind} {request.method.decode()}", set()).add(f"{number} {sentence}")
    report.promise(ALL_KNOWN, sentence in KNOWN.get(number, ()), f"{kind}: {status} {body[:300]!r}")
    strange = {name for name in headers if name not in HEADERS}
    report.promise(
        NO_HEADERS,
        not strange and headers.get("server", "relay") == "relay",
        f"{kind}: {strange or headers.get('server')}",
    )
    report.promise(NO_ECHO, mark.encode() not in head + body, f"{kind}: {mark} in {body[:200]!r}")
    if kind == "an operators' path":
        report.promise(CLOSED, number == 404, f"{request.target!r}: {number}")
    if b"<html" in body.lower():
        report.promise("no page holds an active element", not (found := [*in_html(body.decode(), ())]), found)


def sentence_of(body: bytes) -> str:
    """Return what a person would read of it: a document's detail, a page's heading, or the text itself."""
    text = body.decode("utf-8", "replace").strip()
    if heading := re.search(r"<h1[^>]*>([^<]*)</h1>", text):
        return heading[1]
    try:
        document = json.loads(text)
    except ValueError:
        return text[:200]
    return str(document.get("detail", "")) if isinstance(document, dict) and "title" in document else text[:200]


def junk(dice: Random, count: int) -> Iterator[tuple[str, str, Request]]:
    """(kind, a mark that only this one has, request)."""
    for number in range(count):
        mark = f"mark{dice.randrange(10**12):012}x{number}"
        kind = dice.choice((*KINDS,))
        target, method, headers, body = KINDS[kind](dice, mark)
        yield kind, mark, Request(method, target.encode(), (HOST, *headers), body)


def _text(dice: Random, mark: str) -> str:
    """Junk that is one step of a path."""
    return "".join(f"%{byte:02X}" for byte in payload(dice).encode()[:200] if byte not in b"/{}") + mark


KINDS: Mapping[str, Make] = {
    "an unknown webhook": lambda dice, mark: (f"/webhooks/{_text(dice, mark)}", b"POST", (JSON,), b"{}"),
    "a webhook unsigned": lambda dice, mark: ("/webhooks/hmac", b"POST", (JSON,), mark.encode()),
    "a webhook by another method": lambda dice, mark: ("/webhooks/hmac", dice.choice((b"GET", b"PUT", b"DELETE")),
    (), b""),
    "a token's webhook": lambda dice, mark: (f"/webhooks/progress?token={mark}", b"POST", (JSON,), b"{}"),
    "another content type": lambda dice, mark: ("/webhooks/hmac", b"POST", ((b"Content-Type", b"text/plain"),),
    mark.encode()),
    "a link to unsubscribe": lambda dice, mark: (f"/unsubscribe/{_text(dice, mark)}", b"GET", (), b""),
    "an unsubscription": lambda dice, mark: (f"/unsubscribe/{_text(dice, mark)}", b"POST", (FORM,), mark.encode()),
    "a press": lambda dice, mark: ("/slack/interactions", b"POST", (FORM,), f"payload={mark}".encode()),
    "a signed-looking press": lambda dice, mark: (
        "/slack/interactions", b"POST", (FORM, (b"X-Slack-Signature", b"v0=" + mark.encode()),
        (b"X-Slack-Request-Timestamp", b"1")), b"payload=%7B%7D",
    ),
    "an operators' path": lambda dice, mark: (f"{dice.choice(OPERATORS)}?{mark}", dice.choice((b"GET", b"GET",
    b"HEAD")), (), b""),
    "an operators' path with a token": lambda dice, mark: (
        f"/metrics?token={mark}", b"GET", ((b"Authorization", b"Bearer " + mark.encode()),), b"",
    ),
    "an unknown path": lambda dice, mark: (f"/{_text(dice, mark)}", dice.choice(METHODS), (), b""),
    "the root": lambda dice, mark: (f"/?{mark}", b"GET", (), b""),
    "/healthz": lambda dice, mark: (f"/healthz?verbose&{mark}", b"GET", (), b""),
    "/readyz": lambda dice, mark: (f"/readyz?verbose&{mark}", b"GET", (), b""),
}  # fmt: skip
