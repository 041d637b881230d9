"""Every mail in a browser: on a wide screen and on a phone, light and dark, in both languages.

RELAY_SCREENSHOTS=FOLDER keeps the pictures.
"""

from collections.abc import Iterator

import pytest

from relay.rendering import Renderer
from tests.support import samples
from tests.support.browser import Browser, blank, keep, needs_chromium
from tests.support.mails import LANGUAGES, NAMES, SINGLE, mail, renderer

pytestmark = [needs_chromium, pytest.mark.timeout(180), pytest.mark.soak]

CARD = "getComputedStyle(document.querySelector('.card')).backgroundColor"
COLOURS = {"light": "rgb(255, 255, 255)", "dark": "rgb(27, 31, 36)"}


@pytest.fixture(scope="module", name="renderer")
def one_renderer() -> Renderer:
    return renderer()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.mark.parametrize("width", [640, 360])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_fits_the_screen_in_its_scheme(
    renderer: Renderer, browser: Browser, language: str, width: int
) -> None:
    for name in NAMES:
        browser.show(mail(renderer, name, language=language)["html"], width=width)
        for scheme, colour in COLOURS.items():
            browser.prefer(dark=scheme == "dark")
            shot = browser.taken()
            keep(f"mail-{name}.{language}.{width}.{scheme}.png", shot.png)

            assert shot.width <= width, (name, scheme)
            assert not blank(shot.png), (name, scheme)
            assert browser.ask(CARD) == colour, name


@pytest.mark.parametrize("name", SINGLE)
def test_nothing_that_an_event_says_makes_a_mail_wider_than_a_phone(
    renderer: Renderer, browser: Browser, name: str
) -> None:
    for change in (samples.hostile, samples.maximal):
        assert browser.measure(mail(renderer, name, change=change)["html"], width=360) <= 360
