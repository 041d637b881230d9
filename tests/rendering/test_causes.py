"""A failure below another of its cause, and the end of a run that makes one good, in the words of Slack."""

from itertools import product

import pytest

from relay.channels.slack.channel import Slack
from relay.domain.deliveries import Form
from relay.rendering import Renderer, RenderOptions
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.renderers import AS_A_USERS, BUILT_IN, render
from tests.support.slack_reading import shown

OPTIONS = RenderOptions(samples.BASE_URL)
MESSAGES: list[tuple[str, Form]] = [
    ("operation.failed", "also"),
    ("operation.timeout", "also"),
    ("batch.operation.failed", "also"),
    ("operation.completed", "healed"),
]


@pytest.fixture(scope="module")
def direct() -> Renderer:
    return Renderer([BUILT_IN], OPTIONS)


@pytest.fixture(scope="module")
def sandboxed() -> Renderer:
    return Renderer([AS_A_USERS], OPTIONS)


@pytest.mark.parametrize(("name", "form"), MESSAGES)
def test_slack_takes_it_and_both_ways_make_the_same(
    direct: Renderer, sandboxed: Renderer, name: str, form: Form
) -> None:

    for change, language in product(FIXTURES.values(), ("en", "de")):
        event, history = slacks.event_and_history(name, change)
        options = {"language": language, "timezone": "", "now": slacks.NOW, "healed": "<no> answer & *more*"}
        content = direct.render("slack", form, event, history, **options)
        assert content == sandboxed.render("slack", form, event, history, **options)
        assert [*Slack.refusals(content)] == []


def test_it_says_what_it_is(direct: Renderer) -> None:
    options = {"language": "en", "timezone": "", "now": slacks.NOW, "healed": "no answer"}

    below = direct.render("slack", "also", *slacks.event_and_history("batch.operation.failed"), **options)
    healed = direct.render("slack", "healed", *slacks.event_and_history("operation.completed"), **options)

    assert "Also: *AP invoices DE* failed in Conformance." in shown(below)
    assert "failed and recovered.\nIt had failed: no answer" in shown(healed)


def test_the_mail_about_the_end_says_what_had_gone_wrong(direct: Renderer) -> None:
    event, history = slacks.event_and_history("operation.completed")

    healed, plain = (
        render(direct, event, "email", "each", history=history, healed=text) for text in ("no <answer>", "")
    )

    assert "Failed before" in healed["text"]
    assert "no <answer>" in healed["text"]
    assert "no &lt;answer&gt;" in healed["html"]
    assert "Failed before" not in plain["text"]
