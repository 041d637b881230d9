"""Tests of what relay asks the platform of its own accord, which platform that is, and what people read of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from relay.domain.facts import Space
from relay.platform.lookups import Lookups
from relay.platform.settings import Platform
from tests.support.events import body, seed
from tests.support.platform import scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, running, surroundings

SCOPE = "/api/t/p/async"
ERROR = {"code": "SOURCE_TIMEOUT", "message": "The extractor did not answer."}


def settings(url: str, **more: str) -> Platform:
    return Platform(base_url=url, tenant="t", project="p", token=SecretStr("the-token"), **more)


def state(status: str, **more: Any) -> dict[str, Any]:
    return {"operationId": "op-1", "status": status, "progress": {"percentage": 40}, "unheardOf": [1], **more}


@pytest.mark.parametrize("status", ["Failed", "Timeout"])
async def test_a_mishap_without_an_error_takes_the_one_of_its_results(status: str) -> None:
    answers = {
        f"GET {SCOPE}/operation/op-1": [(200, state(status))],
        f"GET {SCOPE}/operation/op-1/results": [(200, {"operationId": "op-1", "error": ERROR})],
    }
    async with scripted_platform(answers) as platform:
        lookups = Lookups(lambda: settings(platform.url))
        assert await lookups.document("op-1") == state(status, error=ERROR)
        await lookups.aclose()


async def test_a_platform_that_keeps_no_results_of_a_failure_is_told_by_its_state_alone() -> None:
    answers = {
        f"GET {SCOPE}/operation/op-1": [(200, state("Failed"))],
        f"GET {SCOPE}/operation/op-1/results": [(409, {"message": "it failed"})],
    }
    async with scripted_platform(answers) as platform:
        lookups = Lookups(lambda: settings(platform.url))
        assert await lookups.document("op-1") == state("Failed")
        await lookups.aclose()


async def test_new_runs_are_listed_page_by_page() -> None:
    def page(number: int, *, more: bool) -> tuple[int, Any]:
        rows = [{"operationId": f"op-{number}", "status": "Running", "progress": 5}]
        return 200, {"operations": rows, "page": number, "hasNextPage": more}

    answers = {f"GET {SCOPE}/operations": [page(1, more=True), page(2, more=True), page(3, more=False)]}
    async with scripted_platform(answers) as platform:
        lookups = Lookups(lambda: settings(platform.url))
        when = datetime(2024, 1, 20, 11, 0, tzinfo=UTC)
        assert await lookups.since(when, 5000) == ["op-1", "op-2", "op-3"]
        assert {one.query["dateFrom"] for one in platform.asked} == {"2024-01-20T11:00:00+00:00"}
        assert len(await lookups.since(when, 100)) == 1
        await lookups.aclose()


async def test_a_reload_changes_whom_is_asked_and_cuts_no_call_off() -> None:
    async with scripted_platform({f"GET {SCOPE}/operation/op-1": [(200, state("Running"))]}) as platform:
        chosen = [settings("http://127.0.0.1:9")]
        lookups = Lookups(lambda: chosen[0])
        before = lookups.client
        chosen[0] = settings(platform.url)
        assert (await lookups.document("op-1"))["status"] == "Running"
        chosen[0] = settings("http://127.0.0.1:9")
        assert lookups.client is before
        await lookups.aclose()


async def test_a_project_that_is_not_named_may_be_ours_and_another_is_not() -> None:
    lookups = Lookups(lambda: settings("http://127.0.0.1:9"))
    assert lookups.configured
    assert all(lookups.ours(Space("", *whose)) for whose in (("t", "p"), ("", ""), ("t", "")))
    assert not any(map(lookups.ours, (Space("", "t", "q"), Space("", "s", "p"), Space("another", "t", "p"))))
    assert not Lookups(lambda: Platform(base_url="http://127.0.0.1:9")).configured


RESULTS = "GET /api/mail/project-1/async/operation/{}/results"
TOKEN = "the-token-of-the-sandbox"


def configured(folder: Path, url: str, **more: str) -> Path:
    """The stage with a platform: mails go to the readers of the tenant `mail`."""
    file = folder / "relay.yaml"
    settings = {"base_url": url, "tenant": "mail", "project": "project-1", "token": TOKEN} | more
    file.write_text(f"{CONFIG.read_text()}\nplatform: {settings}\n")
    return file


def completed(operation: str) -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=operation) | {"tenantId": "mail"}


def results(operation: str) -> dict[str, Any]:
    document = seed("operation-results.response")
    document["artifacts"][0] |= {"name": "The Report", "downloadUrl": "/{tenantId}/{projectId}/files/report.pdf"}
    return document | {"operationId": operation}


async def test_a_completion_without_results_is_told_with_those_that_the_platform_has(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with surroundings(redis_server.url) as around:
        answers = {RESULTS.format("op-1"): [(200, results("op-1"))], "GET /api/mail/project-1/async/operations": [LIST]}
        async with scripted_platform(answers) as platform:
            async with running(around, configured(tmp_path, platform.url)) as relay:
                await Stage(around, relay).post(completed("op-1"))
                mails = await around.mails(2)

            recommendation = results("op-1")["recommendations"][0]["recommendation"]
            assert all("The Report" in mail.text and recommendation in mail.text for mail in mails)
            assert all(f"{platform.url}/mail/project-1/files/report.pdf" in mail.text for mail in mails)
            [asked] = [one for one in platform.asked if one.path.endswith("/results")]
            assert asked.query["format"] == "summary"
            assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


LIST = (200, {"operations": []})
