"""Templates for their authors: every message, what is the operator's own, how it looks, and what is wrong."""

import html
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import Open, console, stage_config
from tests.support.renderers import compile_built_in
from tests.support.studio import OWN, write

FAILED = "slack/operation.failed.yaml"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The operator's own, with one file."""
    folder = tmp_path / "templates"
    write(folder, FAILED, OWN)
    compile_built_in()
    return folder


@pytest.fixture
async def own(store: Store, clock: Clock, directory: Path) -> AsyncIterator[Open]:
    """The console over it, before somebody who only looks."""
    config = stage_config().model_copy(update={"templates": directory})
    async with console(store, clock, config=config, role="viewer") as opened:
        yield opened


async def test_every_message_is_listed_in_every_channel_with_what_is_the_operators_own(
    page: Open, own: Open, directory: Path
) -> None:
    write(directory, "email/layout.txt", '{% extends "relay/email/layout.txt" %}')
    write(directory, "slack/generic.yaml", "text: x\n")
    usual, facts, text = await page.api("/templates"), await own.api("/templates"), await own.page("/templates")

    assert (usual["directory"], usual["checking"], usual["findings"]) == ("", False, [])
    assert not any(row["own"] or row["overridden"] for row in usual["rows"])
    rows = {(row["name"], row["channel"]): row for row in facts["rows"]}
    assert {("operation.failed", "slack"), ("operation.failed", "email"), ("digest", "email")} <= rows.keys()
    assert ("operation.action.done", "slack") in rows  # which no sample is of
    assert rows["operation.failed", "slack"]["own"]
    assert not rows["operation.completed", "slack"]["overridden"]
    assert rows["operation.completed", "email"]["overridden"] == "email/layout.txt"
    assert not rows["operation.completed", "email"]["own"]
    assert rows["operation.paused", "slack"]["file"] == "slack/generic.yaml"
    assert str(directory) in text
    assert text.count(">your own</span>") == 2


async def test_lint_says_what_it_finds_with_file_and_line(own: Open, directory: Path) -> None:
    file = write(directory, FAILED, f"text: |\n  {SCRIPT}\n  {{% if 0 %}}{{{{ opp }}}}{{% endif %}}\n")
    await own.page("/templates")
    await own.context.gallery.checked()
    facts, text = await own.api("/templates"), await own.page("/templates")
    message = await own.api("/template?name=operation.failed")

    assert facts["findings"] == [{"file": str(file), "line": 3, "message": "opp is unknown; did you mean op?"}]
    assert message["findings"] == facts["findings"]
    assert f"<code>{file}:3</code><span>opp is unknown; did you mean op?</span>" in text
    assert SCRIPT not in text


async def test_files_that_cannot_be_used_are_said_and_the_page_goes_on(own: Open, directory: Path) -> None:
    await own.page("/templates")
    file = write(directory, FAILED, "text: '{{ unfinished'\n")
    facts, text = await own.api("/templates"), await own.page("/templates")
    message = await own.api("/template?name=operation.failed&channel=slack")
    write(directory, FAILED, OWN)
    mended = await own.api("/templates")

    assert facts["fault"].startswith(f"{file}:1: unexpected end of template")
    assert "The files as they are now cannot be used" in text
    assert message["drawn"][0]["fault"] == facts["fault"]
    assert mended["fault"] == ""


async def test_a_message_is_shown_in_its_channels_with_its_files(own: Open) -> None:
    address = "/template?name=operation.failed"
    text, facts = await own.page(address), await own.api(address)
    minimal = f"{address}&channel=email&fixture=minimal&language=de"
    german, shown = await own.api(minimal), await own.page(minimal)
    reply = await own.api("/template?name=operation.completed&destination=team&kind=reply")
    status, none = await own.ask("/console/template?name=none")

    assert (status, "relay has no message none" in none) == (404, True)
    slack, mail = facts["drawn"]
    assert (slack["file"], slack["own"]) == (FAILED, True)
    assert (mail["file"], mail["own"]) == ("email/operation.failed.yaml", False)
    assert ", mine: " in slack["text"]
    assert mail["subject"].startswith("✕ Failed: ")
    assert "<html" in mail["html"]
    files = {file["name"]: file["text"] for file in facts["files"]}
    assert files[FAILED] == OWN
    assert "macro" in files["sentences.j2"]
    assert html.escape(OWN.strip()) in text.replace("&#39;", "&#x27;")
    assert 'method="post"' not in text.partition("<main")[2].partition("</main>")[0]  # nothing is changed from here
    assert "Fehlgeschlagen" in german["drawn"][0]["subject"]
    assert '<option value="minimal" selected>' in shown
    assert 'name="type"' not in shown  # no file is for a type
    assert [row["file"] for row in reply["drawn"]] == ["slack/operation.completed.reply.yaml"]
