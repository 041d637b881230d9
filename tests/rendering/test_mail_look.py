"""Looks of mails: as agreed, in both languages, in every mail program, for everyone.

RELAY_UPDATE_GOLDEN=1 writes what it is now into tests/golden/email; read the difference before you keep it.
tests/screenshots has the tests in a browser.
"""

import re
from itertools import product
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from relay.channels.email.messages import Mailbox, compose
from relay.domain.deliveries import Notification
from relay.rendering import Renderer
from relay.rendering.formats.email import MAX_DIGEST, MAX_HTML
from tests.rendering.golden import GOLDEN, agreed
from tests.support import digests, samples
from tests.support.every_case import every_case
from tests.support.mails import (
    CHANGES,
    LANGUAGES,
    NAMES,
    SINGLE,
    changes_of,
    colours,
    contrast,
    dark_rules,
    declarations,
    document,
    mail,
    numbers,
    visible,
)

AGREED = (*SINGLE, "digest.daily", "digest.weekly", "digest.empty", "roundup.quiet", "roundup.overflow")


BUILT = ("operation.failed", "digest.daily")
SIGNS = ("✓ ", "✕ ", "! ", "● ", "○ ", "– ")  # of subjects


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", AGREED)
def test_a_mail_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    content = mail(renderer, name, language=language)

    head = "".join(f"{key.title()}: {content[key]}\n" for key in ("subject", "preheader"))
    outline = "\n".join(visible(document(content["html"])))
    agreed(f"email/{name}.{language}.txt", f"{head}\n{content['text']}\n===== HTML =====\n{outline}\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BUILT)
def test_a_mail_is_built_as_agreed(renderer: Renderer, name: str, language: str) -> None:
    agreed(f"email/{name}.{language}.html", mail(renderer, name, language=language)["html"])


def test_nothing_is_agreed_that_no_mail_says() -> None:
    texts = {f"{name}.{language}.txt" for name in AGREED for language in LANGUAGES}
    built = {f"{name}.{language}.html" for name in BUILT for language in LANGUAGES}

    assert {file.name for file in (GOLDEN / "email").glob("*.*")} == texts | built


TAGS = set("html head meta title style body div table tbody tr th td p h1 h2 a span details summary pre".split())  # noqa: SIM905


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_can_be_read_by_everyone_in_every_program(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change, language in product(changes_of(name), LANGUAGES):
            content = mail(renderer, name, language=language, change=CHANGES[change])
            page = document(content["html"])
            for judge in (flawless, allowed, both_parts_alike, small):
                with case(change, language, judge.__name__):
                    judge(name, language, content, page)


def flawless(_name: str, language: str, _content: dict[str, Any], page: Element) -> None:
    """A screen reader can follow it."""
    assert page.get("lang") == language
    assert page.findtext("head/title")
    assert len(list(page.iter("h1"))) == 1
    assert all(heading.get("scope") == "row" for heading in page.iter("th"))
    for table in page.iter("table"):
        data = table.find("tbody/tr/th") is not None
        assert data != (table.get("role") in ("presentation", "img"))
        assert table.get("role") != "img" or table.get("aria-label")
    assert all(link.get("href", "").startswith(("http://", "https://")) and visible(link) for link in page.iter("a"))


def allowed(_name: str, _language: str, content: dict[str, Any], page: Element) -> None:
    """It holds nothing that mail programs refuse."""
    assert {str(element.tag) for element in page.iter() if isinstance(element.tag, str)} <= TAGS
    assert not re.search(r"flex|url\(|@import|data:|javascript:", content["html"].replace("javascript:x", ""))


def both_parts_alike(_name: str, _language: str, content: dict[str, Any], page: Element) -> None:
    text = content["text"]
    one_line = re.sub(r"\s+", " ", text)
    read = [re.sub(r"\s+", " ", line) for line in visible(page)]
    assert [line for line in read if line not in one_line] == []
    assert numbers(" ".join(read)) <= numbers(text)
    assert {link.get("href", "") for link in page.iter("a")} <= set(re.findall(r"https?://\S+", text))
    assert "\u00a0" not in text + content["subject"] + content["preheader"]
    assert "\n\n\n" not in text


def small(name: str, _language: str, content: dict[str, Any], _page: Element) -> None:
    """It is not clipped, and its subject is one line."""
    mailed = Notification("d-1", "analysts", "analyst@example.com", "each", content, "op-1", name, digests.NOW)
    assert len(content["html"].encode()) <= (MAX_DIGEST if name.startswith("digest") else MAX_HTML)
    assert max(map(len, compose(mailed, Mailbox("relay@example.com")).split(b"\r\n"))) <= 998
    assert content["subject"].isprintable()
    assert name not in SINGLE or (content["subject"][:2] in SIGNS and len(content["subject"]) <= 120)


@pytest.mark.parametrize("name", SINGLE)
def test_an_event_adds_no_element_and_no_attribute(renderer: Renderer, name: str) -> None:
    typical, longest, hostile = (
        shape(mail(renderer, name, change=change)["html"]) for change in (dict, samples.maximal, samples.hostile)
    )

    assert hostile <= typical | longest


def shape(html: str) -> set[tuple[str, ...]]:
    return {(str(element.tag), *sorted(element.keys())) for element in document(html).iter()}


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_looks_the_same_in_outlook_in_the_dark_and_on_a_phone(renderer: Renderer, name: str) -> None:
    """Outlook's renderer is Word's: it pads cells and not links, and knows the colours of HTML 4."""
    html = mail(renderer, name)["html"]
    page = document(html)
    cells = {part: element for element in page.iter() for part in element.get("class", "").split()}

    assert len(list(page.iter("style"))) == 1
    for part in ("@media (prefers-color-scheme: dark)", "@media (max-width: 480px)", 'name="format-detection"',
                 "<o:PixelsPerInch>96</o:PixelsPerInch>", '<meta name="x-apple-disable-message-reformatting">',
                 '<meta name="color-scheme" content="light dark">'):  # fmt: skip
        assert part in html
    assert "background-color: #FFFFFF" in html.partition("</style>")[2]
    colours_of = [cells[part].get("bgcolor") for part in ("page", "around", "card", "inner")]
    assert colours_of == ["#F3F5F7"] * 2 + ["#FFFFFF"] * 2
    assert declarations(cells["hidden"].get("style", "")) == {"display": "none", "mso-hide": "all"}
    if (button := cells.get("button")) is not None:
        style = declarations(button.get("style", ""))
        assert (button.get("bgcolor"), style["mso-padding-alt"]) == (style["background-color"], "12px 22px")


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_large_enough_and_has_enough_contrast(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]
    page = document(html)

    for element in page.iter():
        size = re.search(r"font-size: (\d+)px", element.get("style", ""))
        if size and "hidden" not in element.get("class", "") and "".join(element.itertext()).strip("\u00a0 \n"):
            assert int(size[1]) >= 14, element.get("class")
    for dark in ([], dark_rules(html)):
        pairs = set(colours(page, (), dark))
        assert pairs
        assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
