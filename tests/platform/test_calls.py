"""A whole relay that asks the platform: what a completion left out, and what never arrived here."""

from pathlib import Path
from typing import Any

from tests.support.events import body, seed
from tests.support.platform import scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, running, surroundings

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
