"""relay's own wording: made without the sandbox it is the same as in it.

Quotes of mails are escaped otherwise where the layout is not relay's own, which is styled mail by mail.
"""

from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from relay.domain.links import LinkHosts
from relay.rendering import Renderer
from relay.rendering.checks import Case, cases
from relay.rendering.samples import FIXTURES
from tests.support import samples
from tests.support.renderers import AS_A_USERS, BUILT_IN

OPTIONS = replace(samples.OPTIONS, hosts=LinkHosts(("example.com",)))
BUTTONS = [{"action": action, "value": f"{action}&<token>"} for action in ("cancel", "retry", "mute")]
LANGUAGES = ("en", "de", "de-AT")


@pytest.fixture(scope="module")
def sandboxed() -> Renderer:
    return Renderer([AS_A_USERS], OPTIONS)


@pytest.fixture(scope="module")
def own() -> Renderer:
    return Renderer([BUILT_IN], OPTIONS)


def made(renderer: Renderer, case: Case, number: int) -> dict[str, Any]:
    """The cases take turns with what a message may have beside its event."""
    content = renderer.render(
        case.channel, case.kind, case.event, case.history, language=LANGUAGES[number % 3],
        timezone=("", "Europe/Berlin", "America/New_York")[number % 3],
        now=case.event.occurred_at + timedelta(days=200 * (number % 3)),
        destination=("", "analysts", 'a <b> & "c"')[number % 3],
        unsubscribe=("", "https://relay.example.com/u/x?a=1&b=2")[number % 2],
        buttons=BUTTONS if number % 4 < 2 else (),
    )  # fmt: skip
    return content | {"html": unescape(content["html"])} if "html" in content else content


@pytest.mark.parametrize(
    "fixture", [pytest.param(name, marks=() if name == "hostile" else pytest.mark.soak) for name in FIXTURES]
)
def test_every_message_is_the_same_in_the_sandbox_and_without(own: Renderer, sandboxed: Renderer, fixture: str) -> None:
    for number, case in enumerate(cases(own.library, [BUILT_IN], ["en"], [fixture])):
        assert made(own, case, number) == made(sandboxed, case, number), str(case)
