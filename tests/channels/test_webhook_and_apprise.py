"""Webhooks and Apprise over HTTP: told once, tried again, given up with the answer; and no secret of a URL is shown."""

import asyncio
import re
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook as Verifier

from relay.channels import CHANNELS
from relay.channels.apprise import Apprise, inert
from relay.channels.named import without_url
from relay.channels.webhook import Webhook
from relay.config import parse_config
from relay.domain.events import Event
from relay.errors import ConfigError, DeliveryError
from relay.policy.targets import Targets
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.channels.slack_channel import notification
from tests.support import events
from tests.support.certificates import Certificate
from tests.support.clock import Clock
from tests.support.flow import RENDERER
from tests.support.patience import patience
from tests.support.queue import dead_letters
from tests.support.workers import worker_of

PATH, SECRET = "/hooks/the-path-is-a-secret", "whsec_0bDgbUlF3q5p0nXtJ8vC1mWzK7yR4sQe9aHf2LiNoTk="
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: kFv8-of-these-alone}}}}
retry: {max_retries: 1, retry_delay: 60}
channels:
  webhook: {endpoints: {one: {url: "PROGRAM", secret: "SECRET"}}}
  apprise: {urls: {one: "CHAT"}}
destinations: {program: {webhook: one}, chat: {apprise: one, language: de, quiet_hours: off}}
quiet_hours: {from: "00:00", to: "23:59"}
rules: [{events: ["operation.*"], notify: [program, chat]}]
"""


@dataclass
class Receiver:
    """Takes each post and gives the next of `answers`, else 204; None: none at all."""

    url: str = ""
    answers: list[web.Response | None] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)  # headers and body

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        answer = self.answers.pop(0) if self.answers else web.Response(status=204)
        return answer or await asyncio.Event().wait()  # type: ignore[return-value]

    def verified(self, number: int = -1) -> Any:
        """Return the document of a request as the verifier of Standard Webhooks hands it on."""
        headers, body = self.taken[number]
        return Verifier(SECRET).verify(body, headers)


@asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    server = TestServer(app, scheme="https" if context else "http")
    await server.start_server(ssl=context)
    async with server:
        receiver.url = str(server.make_url(PATH))
        yield receiver


def configured(program: str = "https://program.example.com", chat: str = "json://127.0.0.1") -> str:
    return CONFIG.replace('SECRET"', f'{SECRET}"').replace("PROGRAM", program).replace("CHAT", chat)


@asynccontextmanager
async def telling(store: Store, clock: Clock, channel: str, text: str) -> AsyncIterator[Callable[[Event | None], Any]]:
    """Yield what accepts an event, if it gets one, and delivers what is due; it returns how many that were."""
    config = parse_config(text, env={}, channels=CHANNELS)
    made = CHANNELS[channel](config.channels[channel])
    worker = worker_of(store, {channel: made}, config, RENDERER, clock=clock, jitter=lambda: 0.0)

    async def tell(event: Event | None = None) -> int:
        if event:
            targets = Targets(config, CHANNELS).of(event)
            await store.accept(event, [target for target in targets if target.channel == channel])
        return await worker.run_once(channel)

    yield tell
    await made.aclose()


async def test_after_a_503_a_program_hears_it_once_more_under_the_same_id(store: Store, clock: Clock) -> None:
    async with receiving() as program, telling(store, clock, "webhook", configured(program.url)) as tell:
        program.answers += [web.Response(status=503, headers={"Retry-After": "90"})]
        runs = [await tell(events.failed())]
        for _ in range(3):
            clock.advance(40)
            runs.append(await tell(None))
        await tell(events.failed(operationId="op-2"))  # of the same cause

    first, second, other = (headers["webhook-id"] for headers, _ in program.taken)
    assert (runs, first == second, first == other) == ([1, 0, 0, 1], True, False)
    told = program.verified(1)
    assert (told["type"], told["timestamp"]) == ("operation.failed", "2024-01-20T11:40:00+00:00")
    assert (told["labels"]["status"], told["data"]["error"]["code"]) == ("Failed", "SOURCE_TIMEOUT")
    assert (await Admin(store).ledger()).counts["delivered"] == 2


async def test_a_refusal_of_a_program_is_a_dead_letter_with_its_answer(store: Store, clock: Clock) -> None:
    async with receiving() as program, telling(store, clock, "webhook", configured(program.url)) as tell:
        program.answers += [web.Response(status=404, text=f"no such\n hook: POST {PATH} " + "x" * 5000)]
        await tell(events.failed())

    [dead] = await dead_letters(store)
    assert dead.error.startswith("one answered 404: no such hook: POST /…/… xxx")
    assert len(dead.error) < 400


ANSWERS = {
    "200": "delivered", "202": "delivered", "301": "permanent", "307": "permanent", "400": "permanent",
    "429": "pause limit", "429 7": "pause limit after 7", "429 soon": "pause limit", "500": "unknown, pause channel",
    "502 9": "unknown, pause channel after 9", "503": "pause channel", "503 120": "pause channel after 120",
}  # fmt: skip


async def said(channel: Webhook) -> str:
    try:
        await channel.send(notification(address="one"))
    except DeliveryError as error:
        assert "the-path" not in f"{error!r} {error} {error.__cause__}"
        after = f" after {error.retry_after:g}" if error.retry_after else ""
        doubt = "unknown, " if error.outcome_unknown else ""
        return "permanent" if error.permanent else f"{doubt}pause {error.pause}{after}"
    return "delivered"


async def test_each_answer_of_a_program_has_its_meaning_and_no_redirect_is_followed() -> None:
    found = {}
    async with receiving() as program:
        given = Webhook.Settings.model_validate({"endpoints": {"one": {"url": program.url, "secret": SECRET}}})
        channel, impatient = Webhook(given), Webhook(given, deadline=patience(1.0))
        for answer in ANSWERS:
            status, _, after = answer.partition(" ")
            headers = {"Location": program.url} | ({"Retry-After": after} if after else {})
            program.answers.append(web.Response(status=int(status), headers=headers))
            found[answer] = await said(channel)
        program.answers.append(None)
        unanswered = await said(impatient)
    gone = await said(channel)
    await asyncio.gather(channel.aclose(), impatient.aclose())

    assert (found, len(program.taken)) == (ANSWERS, len(ANSWERS) + 1)
    assert (unanswered, gone) == ("unknown, pause channel", "pause channel")


@pytest.mark.parametrize(
    "chat", ["workflows://{}/the-workflow/the-path-is-a-secret", "jsons://{}/the-path-is-a-secret"]
)
async def test_a_chat_is_told_once_and_a_message_that_it_refuses_is_a_dead_letter_with_the_line(
    store: Store, clock: Clock, certificate: Certificate, chat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.authority))
    async with receiving(certificate.context) as receiver:
        text = configured(chat=chat.format(receiver.url.split("/")[2]))
        async with telling(store, clock, "apprise", text) as tell:
            refusals = [web.Response(status=status, text=PATH) for status in (500, 400, 400)]
            receiver.answers += [refusals[0], web.Response(status=202), *refusals[1:]]
            for number, event in enumerate((events.failed, events.completed)):
                await tell(event(operationId=f"op-{number}", operationName="Load @everyone"))
                clock.advance(75)
                await tell(None)

    assert len(receiver.taken) == 4
    message = receiver.taken[1][1].decode("unicode_escape")
    assert "Fehlgeschlagen: Load @\u200beveryone" in message
    assert "The extractor did not answer for 300 s" in message
    assert "Sie erhalten diese" not in message
    [dead] = await dead_letters(store)
    assert dead.error.startswith("Apprise could not send it to one: Failed to send")
    assert "error=400" in dead.error
    assert (await Admin(store).ledger()).counts["delivered"] == 1


async def test_a_chat_that_does_not_answer_leaves_its_outcome_unknown() -> None:
    async with receiving() as chat:
        chat.answers.append(None)
        settings = Apprise.Settings.model_validate({"urls": {"one": chat.url.replace("http", "json", 1)}})
        with pytest.raises(DeliveryError, match="no answer from one in time") as caught:
            content = {"subject": "Failed", "text": "It failed."}
            await Apprise(settings, patience=patience(0.5)).send(notification(address="one", content=content))

    assert caught.value.outcome_unknown


WRONG = {
    "http://program.example.com/": "expected an https address",
    "https://user:word@program.example.com/": "expected an https address",
    "https://a b/": "expected an https address",
    "nosuch://the-secret": "Apprise does not understand channels.apprise.urls.one",
    "json://a, json://b": "Apprise does not understand channels.apprise.urls.one",
}


@pytest.mark.parametrize("url", WRONG)
def test_an_address_that_leads_nowhere_is_refused_without_showing_it(url: str) -> None:
    text = configured(url) if url.startswith("http") else configured(chat=url)
    with pytest.raises(ConfigError, match=WRONG[url]) as caught:
        parse_config(text, env={}, channels=CHANNELS)

    assert url not in str(caught.value)


def test_only_a_destination_needs_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    unused = re.sub("chat: .*}", "}", configured()).replace(", chat]", "]")
    parse_config(unused, env={}, channels=CHANNELS)

    with pytest.raises(
        ConfigError, match=r"needs apprise, which is not installed: pip install 'operation-relay\[apprise"
    ):
        parse_config(configured(), env={}, channels=CHANNELS)


def test_what_would_call_people_is_broken_and_no_part_of_a_url_is_shown() -> None:
    hostile = "@everyone <@123> <!channel> <at>x</at> 3 < 4 @ noon"
    assert inert(hostile).replace("\u200b", "|") == "@|everyone <|@|123> <|!channel> <|at>x</at> 3 < 4 @ noon"

    url = "tgram://123456:AbC-dEf/@room/?token=a%20b%2Fc&x=1"
    assert without_url("no: BOT123456:abc-def\n to room, a b/c & 1", url) == "no: BOT…:… to …, … & 1"
