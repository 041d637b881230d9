"""The pages of a run and of a batch, where links in messages lead: anybody can read them, and nothing else."""

import html5lib

from tests.support.sandbox import Stage


async def test_a_failed_run_says_why_and_where(sandbox: Stage) -> None:
    play = {"scenario": "failure", "code": "SOURCE_TIMEOUT", "message": "No <answer> for 300 s."}
    started = await sandbox.start(parameters={"sandbox": play}, operationName="Sales & <Data>")
    await sandbox.advance(3600)
    _, _, tenant, project, _, _, key = started["trackingUrl"].split("/")

    async with sandbox.session.get(f"{sandbox.url}/runs/{tenant}/{project}/{key}") as answer:  # without a token
        page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(await answer.text())

    assert (answer.status, answer.content_type) == (200, "text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    found = "".join(page.find("body").itertext())
    for shown in ("Sales & <Data>", "Failed", "No <answer> for 300 s.", "SOURCE_TIMEOUT"):
        assert shown in found
    assert "Results" not in found
