"""The pages of a run and of a batch, where links in messages lead: anybody can read them, and nothing else."""

from typing import Any

import html5lib

from tests.support.sandbox import Stage

MINUTE = 60.0


async def page(sandbox: Stage, path: str, status: int = 200) -> str:
    """Return what a browser without a token gets."""
    async with sandbox.session.get(sandbox.url + path) as answer:
        assert answer.status == status
        if status == 200:
            assert answer.content_type == "text/html"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return await answer.text()


def address(kind: str, document: dict[str, Any]) -> str:
    """Beside the tracking address that the API names."""
    _, _, tenant, project, _, _, key = document["trackingUrl"].split("/")
    return f"/{kind}/{tenant}/{project}/{key}"


def words(page: str) -> str:
    """Return what is read on it."""
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    for style in document.iter("style"):
        style.text = ""
    return " ".join("".join(document.itertext()).split())


async def test_a_failed_run_says_why_and_where(sandbox: Stage) -> None:
    play = {"scenario": "failure", "code": "SOURCE_TIMEOUT", "message": "No <answer> for 300 s."}
    started = await sandbox.start(parameters={"sandbox": play}, operationName="Sales & <Data>")
    await sandbox.advance(60 * MINUTE)

    found = words(await page(sandbox, address("runs", started)))

    assert "Sales & <Data>" in found
    assert "Failed" in found
    assert "No <answer> for 300 s." in found
    assert "SOURCE_TIMEOUT" in found
    assert "Results" not in found
