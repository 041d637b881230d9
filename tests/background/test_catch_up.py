"""Catch-up: what GitHub could not deliver is asked for, after a start and on request, and told once."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.background.catch_up import LATER, PERIOD, CatchUpTick
from relay.background.scheduler import LONGEST
from relay.errors import PlatformError
from relay.platform.github import Hook
from relay.receiving.redelivery import CatchUp
from relay.receiving.signature_settings import Signature
from relay.receiving.sources import Source
from tests.background.github import HOOK, TOKEN, github
from tests.support.foreign import workflow_run
from tests.support.inprocess import relay_beside
from tests.support.platform import scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.stage import running, surroundings
from tests.support.waiting import until

CONFIG = Path(__file__).parents[1] / "data" / "senders.yaml"
NOW = 1_795_226_400.0  # 2026-11-21T02:00:00Z
DELIVERIES, ATTEMPTS = f"GET {HOOK}/deliveries", f"POST {HOOK}/deliveries/{{}}/attempts"


async def test_what_failed_while_relay_was_away_is_asked_for_and_told_once(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    async with github() as hub, surroundings(redis_server.url) as around:
        settings = f"catch_up: {{hooks: {hub.url}, token: {TOKEN}}}, format: github-actions,"
        text = CONFIG.read_text("utf-8").replace("format: github-actions,", settings)
        config.write_text(text.replace("/nonexistent", around.env["STAGE_DATA"]))
        for number, code in enumerate((0, 0, 502, 422)):
            hub.record(f"g{number}", workflow_run(id=number, name=f"Run {number}"), code)
        hub.record("g1", workflow_run(id=1, name="Run 1"), 200)  # somebody had it redelivered
        hub.record("g9", workflow_run(id=9, name="Run 9"), 0, ago=timedelta(days=4))
        async with running(around, config) as relay:
            hub.lead_to("http://{}:{}/webhooks/github".format(*relay.addresses[0]))
            await until(lambda: len(hub.statuses) == 2)
            after_start = hub.asked.copy()
            every = await relay_beside("catch-up", "github", "-c", config, env=around.env)
            await hub.arrived()
            hub.record("lost", workflow_run(id=0, name="Run 0"), 504)  # relay has taken it; its answer was lost
            asked = await relay_beside("catch-up", "github", "-c", config, env=around.env)
            await hub.arrived()
            await around.settled()
        told = [message.text.replace("\u00a0", " ") for message in around.slack.messages("#team")]

    assert after_start == [1, 3]  # the oldest first
    for done in (every, asked):  # first what relay had refused, then what it had taken
        assert (done.exit_code, done.output) == (0, f"github: 1 of 1 failed deliveries are redelivered by {hub.url}\n")
    assert hub.statuses == [202, 202, 202, 200]
    assert [text.partition(" –")[0] for text in told] == [f"Completed: Run {number}" for number in (0, 2, 3)]


@pytest.mark.parametrize("address", [
    "http://api.github.com/repos/acme/shop/hooks/7", "https://github.com/acme/shop/settings/hooks/7",
    "https://api.github.com/repos/acme/shop", "https://token@api.github.com/repos/acme/shop/hooks/7",
    "https://api.github.com/repos/acme/../hooks/7", "https://api.github.com/repos/acme/shop/hooks/7?x=1", "",
])  # fmt: skip
def test_only_the_address_of_a_webhook_is_taken(address: str) -> None:
    for good in ("https://api.github.com/orgs/acme/hooks/7", "https://git.example.com/api/v3/repos/a/b.c/hooks/7"):
        assert CatchUp.model_validate({"hooks": [good], "token": TOKEN}).hooks == (good,)
    with pytest.raises(ValueError, match="expected the address of a webhook such as"):
        CatchUp.model_validate({"hooks": address, "token": TOKEN})


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "guid": f"g{number}", "status": "failed to connect", "status_code": 0,
            "delivered_at": "2026-11-21T01:00:00Z", **changes}  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "said", "retry_after"), [
    (401, {}, "401 Unauthorized: the token is not valid, or has expired", None),
    (404, {}, "404 Not Found: expected a token with read and write access to webhooks there", None),
    (301, {}, "it has moved; expected its present address", None),
    (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795227000"}, "used up, for 600 s", 600.0),
    (403, {"Retry-After": "30"}, "the rate limit is used up, for 30 s", 30.0),
    (429, {"Retry-After": "soon"}, "the rate limit is used up, for 60 s", 60.0),
    (429, {"Retry-After": "9" * 30}, "the rate limit is used up, for 3600 s", 3600.0),
    (200, {}, "expected a list of deliveries", None),
])  # fmt: skip
async def test_an_error_says_what_to_do_and_never_the_token(
    status: int, headers: Mapping[str, str], said: str, retry_after: float | None
) -> None:
    async with scripted_platform({DELIVERIES: [(status, [{"guid": TOKEN}], headers)]}) as hub:
        with pytest.raises(PlatformError) as caught:
            await Hook(f"{hub.url}{HOOK}", TOKEN, NOW).redeliver_failed()

    assert f"GET {hub.url}{HOOK}/deliveries" in str(caught.value)
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert (caught.value.retry_after, caught.value.temporary) == (retry_after, retry_after is not None)


async def test_one_that_github_has_no_more_holds_up_no_other_and_few_are_asked_for_at_a_time() -> None:
    rows = [row(number) for number in (4, 3, 2, 1)]
    answers = {DELIVERIES: [(200, rows)], **{ATTEMPTS.format(number): [(202, {})] for number in (1, 3, 4)},
               ATTEMPTS.format(2): [(422, {})]}  # fmt: skip
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with scripted_platform(answers) as hub:
        found = await Hook(f"{hub.url}{HOOK}", TOKEN, NOW, pause).redeliver_failed(limit=3)

    assert (found, pauses) == ((4, 2, 1), [1.0, 1.0])
    assert [asked.path.split("/")[-2] for asked in hub.asked[1:]] == ["1", "2", "3"]


@pytest.mark.parametrize(("answers", "rounds"), [
    ([(200, [])], 1),
    ([(200, [row(1, guid="g")] * times) for times in (1, 2, 3, 4)], 4),  # it fails again and again
    ([(200, [row(1)]), (200, [row(2, guid="g1", status="OK"), row(1)])], 2),
    ([(401, {})], 1),
    ([(502, {}), (200, [])], 2),
    ([(429, {}, {"Retry-After": "3000"}), (200, [])], 1),  # within the time of the test
])  # fmt: skip
async def test_after_a_start_it_is_asked_until_all_has_arrived_but_not_for_ever(answers: Any, rounds: int) -> None:
    async def turn(name: str, period: float) -> bool:
        return (name, period) == ("catch-up", PERIOD)

    async with scripted_platform({DELIVERIES: answers, ATTEMPTS.format(1): [(202, {})]}) as hub:
        hooks = CatchUp.model_validate({"hooks": f"{hub.url}{HOOK}", "token": TOKEN})
        source = Source(signature=Signature(scheme="none", allow_unsigned=True), catch_up=hooks)
        catch_up = CatchUpTick(lambda: {"github": source}, turn)
        for number in range(5):
            await catch_up.tick(NOW + number * LATER)
    assert PERIOD >= LONGEST  # another process begins none while one goes on

    assert sum(asked.method == "GET" for asked in hub.asked) == rounds
