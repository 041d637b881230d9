"""relay's own wording: made without the sandbox it is the same, byte for byte, as in it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.domain.links import LinkHosts
from relay.errors import TemplateError
from relay.rendering import Renderer
from relay.rendering.checks import Case, cases
from relay.rendering.fixtures import FIXTURES
from tests.support import samples
from tests.support.renderers import BUILT_IN, Build, render

OPTIONS = replace(samples.OPTIONS, hosts=LinkHosts(("example.com",)))
BUTTONS = [{"action": action, "value": f"{action}&<token>"} for action in ("cancel", "retry", "mute")]


@pytest.fixture(scope="module")
def sandboxed() -> Renderer:
    return Renderer([BUILT_IN], OPTIONS, sandboxed=True)


@pytest.fixture(scope="module")
def direct() -> Renderer:
    return Renderer([BUILT_IN], OPTIONS)


def made(renderer: Renderer, case: Case, number: int) -> dict[str, Any]:
    """The cases take turns with what a message may have beside its event."""
    return renderer.render(
        case.channel, case.kind, case.event, case.history, language=case.language,
        timezone=("", "Europe/Berlin", "America/New_York")[number % 3],
        now=case.event.occurred_at + timedelta(days=200 * (number % 3)),
        destination=("", "analysts", 'a <b> & "c"')[number % 3],
        unsubscribe=("", "https://relay.example.com/u/x?a=1&b=2")[number % 2],
        buttons=BUTTONS if number % 4 < 2 else (),
    )  # fmt: skip


def those(renderer: Renderer, fixture: str, language: str) -> Iterator[Case]:
    return cases(renderer.library, [BUILT_IN], [language], [fixture])


@pytest.mark.parametrize("language", ["en", "de", "de-AT"])
@pytest.mark.parametrize("fixture", FIXTURES)
def test_every_message_is_the_same_in_the_sandbox_and_without(
    direct: Renderer, sandboxed: Renderer, fixture: str, language: str
) -> None:
    before = direct.fell_back

    for number, case in enumerate(those(direct, fixture, language)):
        assert made(direct, case, number) == made(sandboxed, case, number), str(case)

    assert direct.fell_back == before


@pytest.mark.parametrize("event", samples.watchdog_bodies().values(), ids=samples.watchdog_bodies().keys())
@pytest.mark.parametrize("kind", ["each", "live"])
def test_what_the_watchdog_found_is_the_same(
    direct: Renderer, sandboxed: Renderer, event: dict[str, Any], kind: str
) -> None:
    found = samples.event_of(event)

    for channel in ("slack", "email"):
        assert render(direct, found, channel, kind) == render(sandboxed, found, channel, kind)


def test_what_no_template_expects_is_left_to_jinja_which_tells_where(direct: Renderer, sandboxed: Renderer) -> None:
    event = samples.messages()["operation.failed"]
    before = direct.fell_back

    def render_at_the_end_of_time(renderer: Renderer) -> str:
        with pytest.raises(TemplateError, match=r"parts.j2:\d+: date value out of range") as refused:
            renderer.render("slack", "each", event, (event,), language="en", timezone="Pacific/Kiritimati",
                            now=datetime.max.replace(tzinfo=UTC))  # fmt: skip
        return str(refused.value)

    assert render_at_the_end_of_time(direct) == render_at_the_end_of_time(sandboxed)
    assert direct.fell_back == before + 1


def test_a_message_that_a_file_of_the_users_has_a_part_in_is_made_in_the_sandbox(own: Build) -> None:
    renderer = own({"slack/operation.failed.yaml": 'text: "Mine: {{ say.failed() }}"'})
    event = samples.messages()["operation.failed"]

    assert renderer.directly("slack", "each", event, (event,)) is None
    assert renderer.fell_back == 0
    assert render(renderer, event)["text"].startswith("Mine: ")


def test_a_built_in_file_that_does_what_is_not_written_directly_is_left_to_jinja(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a channel which somebody has added."""
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack" / "operation.failed.yaml").write_text('text: "{{ op.name|title|wordcount }} words"')
    monkeypatch.setattr("relay.rendering.renderer.resource_dir", lambda _name: tmp_path)
    renderer = Renderer([tmp_path])
    event = samples.messages()["operation.failed"]

    assert [render(renderer, event)["text"] for _ in range(2)] == ["4 words"] * 2
    assert renderer.fell_back == 1
