"""The gallery of templates and the author's page: what there is, what is the operator's own, and what is wrong."""

import html
import re
from pathlib import Path

import pytest

from relay.config import Config
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
def config(directory: Path) -> Config:
    return stage_config().model_copy(update={"templates": directory})


async def refusal(page: Open, path: str) -> tuple[int, str]:
    async with page.client.get(page.server.make_url(f"/console{path}")) as response:
        return response.status, await response.text()


async def frame(page: Open, path: str) -> tuple[str, str]:
    """Return a frame's HTML and its policy."""
    async with page.client.get(page.server.make_url(f"/console/template/html?{path}")) as response:
        assert response.status == 200
        return await response.text(), response.headers["Content-Security-Policy"]


class TestTheGallery:
    async def test_shows_every_message_in_every_channel_in_frames_that_wait_until_somebody_sees_them(
        self, store: Store, clock: Clock
    ) -> None:
        async with console(store, clock) as page:
            text, facts = await page.page("/templates"), await page.api("/templates")

        shown = {(row["name"], row["channel"]) for row in facts["rows"]}
        assert {("operation.failed", "slack"), ("operation.failed", "email"), ("digest", "email")} <= shown
        assert ("operation.action.done", "slack") in shown  # which no sample is of
        assert text.count('<iframe class="drawn small" loading="lazy" sandbox="') == len(shown)
        assert facts["directory"] == ""
        assert not any(row["own"] or row["overridden"] or row["findings"] for row in facts["rows"])
        assert (facts["checking"], facts["findings"]) == (False, [])  # what comes with relay is tested with it

    async def test_marks_what_is_the_operators_own(
        self, store: Store, clock: Clock, directory: Path, config: Config
    ) -> None:
        write(directory, "email/layout.txt", '{% extends "relay/email/layout.txt" %}')
        write(directory, "slack/generic.yaml", "text: x\n")
        async with console(store, clock, config=config) as page:
            facts, text = await page.api("/templates"), await page.page("/templates?channel=slack")

        rows = {(row["name"], row["channel"]): row for row in facts["rows"]}
        assert rows["operation.failed", "slack"]["own"]
        assert not rows["operation.completed", "slack"]["overridden"]
        assert rows["operation.completed", "email"]["overridden"] == "email/layout.txt"
        assert not rows["operation.completed", "email"]["own"]
        assert str(directory) in text
        assert rows["operation.paused", "slack"]["file"] == "slack/generic.yaml"
        assert text.count(">your own</span>") == 2

    async def test_says_what_lint_finds_with_file_and_line(
        self, store: Store, clock: Clock, directory: Path, config: Config
    ) -> None:
        file = write(directory, FAILED, f"text: |\n  {SCRIPT}\n  {{% if 0 %}}{{{{ opp }}}}{{% endif %}}\n")
        async with console(store, clock, config=config) as page:
            await page.page("/templates")
            await page.context.gallery.checked()
            facts, text = await page.api("/templates"), await page.page("/templates")

        assert facts["findings"] == [{"file": str(file), "line": 3, "message": "opp is unknown; did you mean op?"}]
        assert f"<code>{file}:3</code><span>opp is unknown; did you mean op?</span>" in text
        assert [row["findings"] for row in facts["rows"] if row["own"]] == [1]
        assert SCRIPT not in text

    async def test_says_what_cannot_be_used_and_goes_on(
        self, store: Store, clock: Clock, directory: Path, config: Config
    ) -> None:
        async with console(store, clock, config=config) as page:
            await page.page("/templates")
            file = write(directory, FAILED, "text: '{{ unfinished'\n")
            facts, text = await page.api("/templates"), await page.page("/templates")
            message = await page.api("/template?name=operation.failed&channel=slack")
            write(directory, FAILED, OWN)
            mended = await page.api("/templates")

        assert facts["fault"].startswith(f"{file}:1: unexpected end of template")
        assert "The files as they are now cannot be used" in text
        assert message["drawn"][0]["fault"] == facts["fault"]
        assert mended["fault"] == ""


class TestTheAuthorsPage:
    async def test_draws_both_channels_with_their_files(self, store: Store, clock: Clock, config: Config) -> None:
        async with console(store, clock, config=config, role="viewer") as page:
            text, facts = (
                await page.page("/template?name=operation.failed"),
                await page.api("/template?name=operation.failed"),
            )

        slack, mail = facts["drawn"]
        assert (slack["file"], slack["own"]) == (FAILED, True)
        assert (mail["file"], mail["own"]) == ("email/operation.failed.yaml", False)
        assert ", mine: " in slack["text"]
        assert mail["subject"].startswith("✕ Failed: ")
        assert "<html" in mail["html"]
        assert slack["places"] == [FAILED]
        assert html.escape(OWN.strip()) in text.replace("&#39;", "&#x27;")
        assert "relay template preview --serve" in text
        assert '<form class="filters" method="get"' in text
        assert 'method="post"' not in text.partition("<main")[2].partition("</main>")[0]  # nothing is changed from here

    async def test_slack_is_drawn_by_relays_own_script_alone_and_a_mail_can_do_nothing(
        self, store: Store, clock: Clock, config: Config, directory: Path
    ) -> None:
        write(directory, FAILED, f"text: '{SCRIPT} {{{{ op.name }}}}'\n")
        async with console(store, clock, config=config) as page:
            text = await page.page("/template?name=operation.failed&fixture=hostile")
            slack, policy = await frame(page, "name=operation.failed&channel=slack&fixture=hostile")
            mail, strict = await frame(page, "name=operation.failed&channel=email&fixture=hostile&scheme=dark")

        nonce = re.search("; script-src 'nonce-([^']+)'", policy)
        assert nonce
        assert policy.startswith("sandbox allow-scripts; default-src 'none'; ")
        scripts = re.findall(r"<script([^>]*)>", slack)
        assert [at for at in scripts if "nonce" in at] == [f' nonce="{nonce[1]}"'] * 2  # the page's, and its height
        assert [at for at in scripts if "nonce" not in at] == [' type="application/json" id="given"']
        assert SCRIPT not in slack + mail
        assert strict.startswith("sandbox; default-src 'none'; ")
        assert "script-src" not in strict
        assert "prefers-color-scheme" not in mail
        assert SCRIPT not in text
        assert "<img src=x" not in text

    async def test_is_as_it_is_asked_for(self, store: Store, clock: Clock, config: Config) -> None:
        address = "/template?name=operation.failed&channel=email&fixture=minimal&language=de&zone=Asia/Tokyo"
        async with console(store, clock, config=config) as page:
            facts, text = await page.api(address), await page.page(address)
            reply = await page.api("/template?name=operation.completed&channel=slack&kind=reply")

        [mail] = facts["drawn"]
        assert (facts["language"], facts["zone"]) == ("de", "Asia/Tokyo")
        assert "Fehlgeschlagen" in mail["subject"]
        assert '<option value="minimal" selected>' in text
        assert 'name="type"' not in text  # no file is for a type
        assert reply["drawn"][0]["file"] == "slack/operation.completed.reply.yaml"
        assert reply["drawn"][0]["places"][-1] == "slack/operation.completed.reply.yaml"

    async def test_has_the_variables_with_their_values(self, store: Store, clock: Clock) -> None:
        async with console(store, clock) as page:
            facts = await page.api("/template?name=operation.failed")
            text = await page.page("/template?name=operation.failed")

        rows = {row["path"]: row for row in facts["variables"]}
        assert rows["error.code"] == {
            "group": "error", "path": "error.code", "type": "text", "optional": True, "value": "WORKER_TIMEOUT",
        }  # fmt: skip
        assert "WORKER_TIMEOUT</td>" in text

    async def test_shows_a_file_that_several_messages_share_when_it_is_asked_for(
        self, store: Store, clock: Clock
    ) -> None:
        async with console(store, clock) as page:
            facts = await page.api("/template?name=operation.failed&source=sentences.j2")

        texts = {file["name"]: file["text"] for file in facts["files"]}
        assert "macro" in texts["sentences.j2"]
        assert texts["slack/parts.j2"] == ""
        assert texts[FAILED]
