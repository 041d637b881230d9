"""The brand of mails: name, logo, colour and footer of the configuration, and blocks for the rest."""

from itertools import product
from typing import Any

import pytest

from relay.domain.display import OF_SHAPES, OF_TEXT, WHITE, contrast, seen_on, text_on
from relay.errors import TemplateError
from relay.rendering import Brand, Renderer, RenderOptions
from relay.rendering.renderer import DARK_CARD
from tests.support import samples
from tests.support.mails import document, visible
from tests.support.renderers import BUILT_IN, Build, render

ACME = Brand(
    name="Acme <Analytics>", logo="https://acme.example/logo.png?a=1&b=2", url="https://acme.example/", color="#8A1C7C",
    footer="Acme GmbH · Musterstraße 1 & 2",
)  # fmt: skip
FAILED = samples.messages()["operation.failed"]
EXTENDED = '{%% extends "relay/email/layout.html" %%}\n{%% block %s %%}%s{%% endblock %%}\n'


def mail(renderer: Renderer) -> dict[str, Any]:
    return render(renderer, FAILED, "email")


@pytest.fixture(scope="module")
def branded() -> dict[str, Any]:
    return mail(Renderer([BUILT_IN], RenderOptions(samples.BASE_URL, links=samples.LINKS, brand=ACME)))


def test_a_brand_is_seen_in_every_part_of_a_mail(branded: dict[str, Any]) -> None:
    page = document(branded["html"])
    [logo] = page.iter("img")
    [home] = [link for link in page.iter("a") if link.get("class") == "home"]

    assert (logo.get("src"), logo.get("alt"), logo.get("height")) == (ACME.logo, ACME.name, "32")
    assert home.get("href") == ACME.url
    assert ACME.footer in visible(page)
    assert f"\n{ACME.footer}\n" in branded["text"]
    assert branded["html"].count("background-color: #8A1C7C") == 1
    assert 'bgcolor="#8A1C7C"' in branded["html"]


@pytest.mark.parametrize(
    ("block", "text", "said"),
    [
        ("styles", ".heading { color: #123456; }", "color: #123456"),
        ("screen_styles", "@media print { .foot { display: none } }", "@media print"),
        ("heading", "<h1>Mine: {{ mail.heading }}</h1>", ">Mine: Comprehensive "),
        ("footer", "<p>{{ dest.name }}, mine</p>", ">analysts, mine</p>"),
        ("button", "{{ super() }}<p>after</p>", ">after</p>"),
        ("details", "{{ facts([{'label': 'A', 'value': 'B'}]) }}", ">B</td>"),
    ],
)
def test_each_part_of_the_layout_can_be_another(own: Build, block: str, text: str, said: str) -> None:
    page = mail(own({"email/layout.html": EXTENDED % (block, text)}, base_url=samples.BASE_URL, links=samples.LINKS))[
        "html"
    ]

    assert said in page


def test_a_fault_in_a_block_is_told_at_its_place(own: Build) -> None:
    renderer = own({"email/layout.html": EXTENDED % ("header", "\n{{ brand.nmae }}\n")})

    with pytest.raises(TemplateError, match=r"email/layout\.html:3: nmae is unknown; did you mean name"):
        mail(renderer)


# Colours

EVERY = [f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in product(range(0, 256, 51), repeat=3)]


def test_a_button_of_any_colour_is_seen_in_the_dark() -> None:
    for colour in EVERY:
        shown = seen_on(DARK_CARD, colour)

        assert contrast(shown, DARK_CARD) >= OF_SHAPES
        assert contrast(text_on(shown), shown) >= OF_TEXT
        assert contrast(seen_on(WHITE, colour), WHITE) >= OF_SHAPES
