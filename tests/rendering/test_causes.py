"""A failure below another of its cause, and the end of a run that makes one good, in the words of Slack."""

import pytest

from relay.rendering import Renderer, RenderOptions
from tests.support import samples, slacks
from tests.support.renderers import BUILT_IN, render
from tests.support.slack_reading import shown

OPTIONS = RenderOptions(samples.BASE_URL)


@pytest.fixture(scope="module")
def direct() -> Renderer:
    return Renderer([BUILT_IN], OPTIONS)


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
