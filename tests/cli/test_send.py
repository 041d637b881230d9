"""relay send: signed as the receiver expects, byte for byte, and honest about the answer."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.errors import InvalidSignature
from relay.receiving.schemes import SCHEMES, SignedRequest
from relay.receiving.signatures import verify
from tests.support.certificates import make_certificate
from tests.support.events import body
from tests.support.inprocess import relay, relay_beside

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config/relay.yaml"
SECRET = "kFv8-the-secret-of-the-platform"
BODY = json.dumps(body("operation.failed")).encode() + b"\n \n"


@dataclass
class Listener:
    """Takes what is sent if its signature is right, and remembers it."""

    scheme: str = "hmac-sha256"
    header: str | None = None
    answer: web.Response | None = None
    url: str = ""
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.requests.append((request, raw))
        headers = {name.lower(): [value.encode()] for name, value in request.headers.items()}
        now = float(headers.get("webhook-timestamp", headers.get("x-slack-request-timestamp", [b"0"]))[0])
        if self.scheme == "stripe":
            now = float(request.headers["Stripe-Signature"].partition(",")[0].removeprefix("t="))
        try:
            verify(self.scheme, SignedRequest(raw, headers), {"current": SECRET.encode()}, header=self.header,
                   tolerance=300, now=now)  # fmt: skip
        except InvalidSignature:
            return web.json_response({"title": "Unauthorized"}, status=401)
        return self.answer or web.json_response({"status": "accepted", "deliveries": 2}, status=202)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listening = Listener()
    app = web.Application()
    app.router.add_post("/webhooks/{source}", listening.receive)
    async with TestServer(app) as server:
        listening.url = str(server.make_url("/webhooks/async-operations"))
        yield listening


@pytest.fixture
def event(tmp_path: Path) -> Path:
    file = tmp_path / "event.json"
    file.write_bytes(BODY)
    return file


async def send(event: Path, listener: Listener, *arguments: object, config: object = "no.yaml", **options: Any) -> Any:
    return await relay_beside("send", event, "--to", listener.url, "-c", config, *arguments, **options)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
async def test_every_scheme_is_signed_as_the_receiver_expects(event: Path, listener: Listener, scheme: str) -> None:
    listener.scheme = scheme

    result = await send(event, listener, "--secret", SECRET, "--scheme", scheme)

    assert result.output == '202 Accepted\n{"status": "accepted", "deliveries": 2}\n'
    assert result.exit_code == 0


async def test_the_body_goes_as_it_stands_in_the_file(event: Path, listener: Listener) -> None:
    await send(event, listener, "--secret", SECRET)

    request, raw = listener.requests[0]
    assert raw == BODY
    assert request.content_type == "application/json"


async def test_the_signature_may_stand_in_another_header(event: Path, listener: Listener) -> None:
    listener.header = "X-Signed-By"

    result = await send(event, listener, "--secret", SECRET, "--header", "X-Signed-By")

    assert result.exit_code == 0


async def test_the_delivery_may_have_an_id(event: Path, listener: Listener) -> None:
    await send(event, listener, "--secret", SECRET, "--id", "evt-7")
    await send(event, listener, "--secret", SECRET)

    assert [request.headers.get("webhook-id") for request, _ in listener.requests] == ["evt-7", None]


async def test_the_secret_need_not_stand_in_the_shells_history(event: Path, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")

    by_variable = await send(event, listener, "--secret", "env:PLATFORM_SECRET", env={"PLATFORM_SECRET": SECRET})
    by_file = await send(event, listener, "--secret", f"file:{tmp_path}/secret")

    assert (by_variable.exit_code, by_file.exit_code) == (0, 0)


async def test_an_answer_that_is_no_2xx_is_a_failure(event: Path, listener: Listener) -> None:
    result = await send(event, listener, "--secret", "another-secret-altogether")

    assert result.output == '401 Unauthorized\n{"title": "Unauthorized"}\n'
    assert result.exit_code == 1


async def test_a_redirect_is_shown_and_not_followed(event: Path, listener: Listener) -> None:
    listener.answer = web.Response(status=308, headers={"Location": listener.url})

    result = await send(event, listener, "--secret", SECRET)

    assert (result.exit_code, len(listener.requests)) == (1, 1)


async def test_json_has_status_and_answer(event: Path, listener: Listener) -> None:
    told = await send(event, listener, "--secret", SECRET, "--json")
    listener.answer = web.Response(text="not JSON \x1b[2J")
    plain = await send(event, listener, "--secret", SECRET, "--json")

    assert json.loads(told.output) == {"status": 202, "answer": {"status": "accepted", "deliveries": 2}}
    assert json.loads(plain.output) == {"status": 200, "answer": "not JSON \x1b[2J"}


async def test_it_says_what_is_told_where_and_when(event: Path, listener: Listener) -> None:
    told = await send(event, listener, "--secret", SECRET, config=SHIPPED)
    facts = json.loads((await send(event, listener, "--secret", SECRET, "--json", config=SHIPPED)).output)
    listener.answer = web.json_response({"status": "duplicate"})
    again = await send(event, listener, "--secret", SECRET, config=SHIPPED)

    assert "process-mining slack, live: #process-mining" in told.output
    assert "an outcome: told at once" in told.output
    assert "process-mining" in [row["destination"] for row in facts["explanation"]["destinations"]]
    assert "process-mining" not in again.output


async def test_with_now_its_times_are_those_of_this_moment(listener: Listener) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await send(ROOT / "tests/data/event.json", listener, "--secret", SECRET, "--now")

    [(_, raw)] = listener.requests
    sent = json.loads(raw)
    stamp, operation = datetime.fromisoformat(sent["timestamp"]), sent["operation"]
    assert before <= stamp <= datetime.now(UTC)
    ahead = datetime.fromisoformat(operation["progress"]["estimatedCompletion"]) - stamp
    assert ahead.total_seconds() == 25 * 60
    assert datetime.fromisoformat(operation["timeoutAt"]) > stamp


def test_now_needs_a_timestamp(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"event": "operation.started"}')

    result = relay("send", event, "--now", "--to", "http://127.0.0.1:1/", "--secret", SECRET)

    assert (result.exit_code, "states no timestamp" in result.output) == (2, True)


async def test_what_would_steer_the_terminal_is_not_printed(event: Path, listener: Listener) -> None:
    listener.answer = web.Response(text="\x1b[2J" + "x" * 100_000)

    result = await send(event, listener, "--secret", SECRET)

    assert "\x1b" not in result.output
    assert len(result.output) < 5000


def test_nobody_there_is_told_without_what_may_be_a_token(event: Path) -> None:
    result = relay("send", event, "--to", "http://127.0.0.1:1/webhooks/x?token=s3cret", "--secret", SECRET)

    assert result.exit_code == 1
    assert result.stderr.startswith("http://127.0.0.1:1/webhooks/x: cannot be reached: ")
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("scheme", "complaint"),
    [
        ("http", "it closed the connection without an answer; if it speaks TLS, write https://\n"),
        ("https", "its certificate is not trusted: "),
    ],
)
async def test_who_speaks_tls_is_told_what_to_do(event: Path, tmp_path: Path, scheme: str, complaint: str) -> None:
    server = TestServer(web.Application(), scheme="https")
    await server.start_server(ssl=make_certificate(tmp_path / "tls").context)
    url = server.make_url("/webhooks/x").with_scheme(scheme)
    try:
        result = await relay_beside("send", event, "--to", url, "--secret", SECRET)
    finally:
        await server.close()

    assert result.exit_code == 1
    assert f"{url}: {complaint}" in result.stderr
    assert "SSL_CERT_FILE" in result.stderr or scheme == "http"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--to", "http://localhost/"], "the scheme hmac-sha256 needs a --secret"),
        (["--to", "localhost:8080", "--secret", SECRET], "expected an address that begins with http:// or https://"),
        (["--secret", SECRET], "Missing option '--to'"),
        (["--to", "http://localhost/", "--secret", "env:NOT_SET_ANYWHERE"], "variable NOT_SET_ANYWHERE is not set"),
        (["--to", "http://localhost/", "--secret", "file:/no/such/file"], "cannot read /no/such/file: No such file"),
        (["--to", "http://localhost/", "--secret", SECRET, "--scheme", "md5"], "'md5' is not one of"),
    ],
)
def test_wrong_use_is_told_apart(event: Path, arguments: list[str], complaint: str) -> None:
    result = relay("send", event, *arguments)

    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_secret_that_is_no_text_is_refused_without_showing_it(event: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe-secret-bytes")

    result = relay(
        "send", event, "--to", "http://localhost/", "--scheme", "token", "--secret", f"file:{tmp_path}/secret"
    )

    assert result.exit_code == 2
    assert "expected UTF-8 text" in result.stderr
    assert "secret-bytes" not in result.output
