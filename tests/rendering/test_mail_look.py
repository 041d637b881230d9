"""How mails look: as it was agreed, in both languages, in every mail program, for everyone.

RELAY_UPDATE_GOLDEN=1 writes what it is now into tests/golden/email; read the difference before you keep it.
tests/screenshots has the tests in a browser.
"""

import re
from itertools import product

import pytest

from relay.channels.email.messages import Mailbox, compose
from relay.domain.deliveries import Notification
from relay.rendering import Renderer
from relay.rendering.formats.email import MAX_DIGEST, MAX_HTML
from tests.support import digests, samples
from tests.support.every_case import every_case
from tests.support.golden import GOLDEN, agreed
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


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_flawless_html_that_a_screen_reader_can_follow(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change, language in product(changes_of(name), LANGUAGES):
            with case(change, language):
                html = document(mail(renderer, name, language=language, change=CHANGES[change])["html"])

                assert html.get("lang") == language
                assert html.findtext("head/title")
                assert len(list(html.iter("h1"))) == 1
                assert all(heading.get("scope") == "row" for heading in html.iter("th"))
                for table in html.iter("table"):
                    data = table.find("tbody/tr/th") is not None
                    assert data != (table.get("role") in ("presentation", "img"))
                    assert table.get("role") != "img" or table.get("aria-label")
                assert all(
                    link.get("href", "").startswith(("http://", "https://")) and visible(link)
                    for link in html.iter("a")
                )


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_holds_nothing_that_mail_programs_refuse(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name, change=samples.hostile)["html"]
    tags = {str(element.tag) for element in document(html).iter() if isinstance(element.tag, str)}

    allowed = {"html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "tr", "th", "td", "p", "h1",
               "h2", "a", "span"}  # fmt: skip
    assert tags <= allowed
    assert not re.search(r"flex|url\(|@import|data:|javascript:", html.replace("javascript:x", ""))


@pytest.mark.parametrize("name", SINGLE)
def test_what_an_event_says_adds_no_element_and_no_attribute(renderer: Renderer, name: str) -> None:
    typical, hostile = (shape(mail(renderer, name, change=change)["html"]) for change in (dict, samples.hostile))

    assert hostile <= typical


def shape(html: str) -> set[tuple[str, ...]]:
    return {(str(element.tag), *sorted(element.keys())) for element in document(html).iter()}


@pytest.mark.parametrize("name", NAMES)
def test_the_dark_scheme_and_the_narrow_screen_survive_inlining(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]

    assert len(list(document(html).iter("style"))) == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background-color: #FFFFFF" in html.partition("</style>")[2]


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_looks_the_same_in_outlook_and_on_a_phone(renderer: Renderer, name: str) -> None:
    """Outlook's renderer is Word's: it pads cells and not links, and knows the colours of HTML 4."""
    html = mail(renderer, name)["html"]
    cells = {part: element for element in document(html).iter() for part in element.get("class", "").split()}

    assert "<o:PixelsPerInch>96</o:PixelsPerInch>" in html
    assert 'name="format-detection"' in html
    assert '<meta name="x-apple-disable-message-reformatting">' in html
    assert [cells[part].get("bgcolor") for part in ("page", "around", "card", "inner")] == ["#F3F5F7"] * 2 + [
        "#FFFFFF"
    ] * 2
    assert declarations(cells["hidden"].get("style", "")) == {"display": "none", "mso-hide": "all"}
    if (button := cells.get("button")) is not None:
        style = declarations(button.get("style", ""))
        assert (button.get("bgcolor"), style["mso-padding-alt"]) == (style["background-color"], "12px 22px")


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_small_enough_not_to_be_clipped(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change in changes_of(name):
            with case(change):
                content = mail(renderer, name, change=CHANGES[change])
                sent = compose(
                    Notification("d-1", "analysts", "analyst@example.com", "each", content, "op-1", name, digests.NOW),
                    Mailbox("relay@example.com"),
                )
                assert len(content["html"].encode()) <= (MAX_DIGEST if name.startswith("digest") else MAX_HTML)
                assert max(map(len, sent.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_smaller_than_14_pixels(renderer: Renderer, name: str) -> None:
    html = document(mail(renderer, name)["html"])

    for element in html.iter():
        style = element.get("style", "")
        size = re.search(r"font-size: (\d+)px", style)
        if size and "hidden" not in element.get("class", "") and "".join(element.itertext()).strip("\u00a0 \n"):
            assert int(size[1]) >= 14, element.get("class")


@pytest.mark.parametrize("name", NAMES)
def test_the_text_part_says_all_that_the_html_says(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for change, language in product(changes_of(name), LANGUAGES):
            with case(change, language):
                content = mail(renderer, name, language=language, change=CHANGES[change])
                html, text = document(content["html"]), content["text"]
                one_line = re.sub(r"\s+", " ", text)
                read = [re.sub(r"\s+", " ", line) for line in visible(html)]
                assert [line for line in read if line not in one_line] == []
                assert numbers(" ".join(read)) <= numbers(text)
                assert {link.get("href", "") for link in html.iter("a")} <= set(re.findall(r"https?://\S+", text))
                assert "\u00a0" not in text + content["subject"] + content["preheader"]
                assert "\n\n\n" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_text_has_enough_contrast(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]
    with every_case() as case:
        for scheme, dark in {"light": [], "dark": dark_rules(html)}.items():
            with case(scheme):
                pairs = set(colours(document(html), (), dark))
                assert pairs
                assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
