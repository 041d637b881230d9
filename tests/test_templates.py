"""The built-in wording: as it was agreed (tests/golden), within every limit, in both languages, readable by everyone.

RELAY_UPDATE_GOLDEN=1 writes what is said now into tests/golden; read the difference before you keep it.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from babel.messages.pofile import read_po

from relay.deliveries import Kind
from relay.events import PRIORITIES, STATUSES
from relay.rendering import Renderer
from relay.rendering.catalogues import placeholders
from relay.standins.slack_limits import validate
from tests.support import samples

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
MESSAGES = tuple(samples.bodies())
KINDS: tuple[Kind, ...] = ("each", "live", "reply")
LANGUAGES = ("en", "de")
CHANGES = {"typical": dict, "bare": samples.bare, "hostile": samples.hostile, "maximal": samples.maximal}

Body = dict[str, Any]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer([ROOT / "templates"], base_url=samples.BASE_URL)


def render(
    renderer: Renderer,
    name: str,
    channel: str,
    *,
    kind: Kind = "each",
    language: str = "en",
    change: Callable[[Body], Body] = dict,
) -> dict[str, Any]:
    events = samples.messages(change)
    return renderer.render(
        channel, kind, events[name], samples.history_of(name, events), language=language,
        timezone="Europe/Berlin", now=datetime(2024, 1, 20, 13, 30, tzinfo=UTC), destination="analysts",
    )  # fmt: skip


def mail(renderer: Renderer, name: str, **options: Any) -> dict[str, Any]:
    return render(renderer, name, "email", **options)


def slack(renderer: Renderer, name: str, **options: Any) -> dict[str, Any]:
    return render(renderer, name, "slack", **options)


def document(html: str) -> Element:
    """The mail as a browser reads it; any fault of the markup is an error."""
    parsed: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    return parsed


# As it was agreed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_slack_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    said = {kind: slack(renderer, name, kind=kind, language=language) for kind in KINDS}

    agreed(f"slack/{name}.{language}.json", json.dumps(said, ensure_ascii=False, indent=2) + "\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_mail_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    said = mail(renderer, name, language=language)

    head = f"Subject: {said['subject']}\nPreheader: {said['preheader']}\n"
    outline = "\n".join(visible(document(said["html"])))
    agreed(f"email/{name}.{language}.txt", f"{head}\n{said['text']}\n===== HTML =====\n{outline}\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_is_built_as_agreed(renderer: Renderer, language: str) -> None:
    agreed(f"email/operation.failed.{language}.html", mail(renderer, "operation.failed", language=language)["html"])


def agreed(name: str, said: str) -> None:
    file = GOLDEN / name
    if os.environ.get("RELAY_UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, "utf-8")
    assert said == file.read_text("utf-8")


def test_nothing_is_agreed_that_nobody_says() -> None:
    slack_files = {f"slack/{name}.{language}.json" for name in MESSAGES for language in LANGUAGES}
    mail_files = {f"email/{name}.{language}.txt" for name in MESSAGES for language in LANGUAGES}
    built = {f"email/operation.failed.{language}.html" for language in LANGUAGES}

    assert {str(file.relative_to(GOLDEN)) for file in GOLDEN.rglob("*.*")} == slack_files | mail_files | built


# Slack


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MESSAGES)
def test_slack_takes_every_message(renderer: Renderer, name: str, kind: Kind, change: str) -> None:
    for language in LANGUAGES:
        said = slack(renderer, name, kind=kind, language=language, change=CHANGES[change])

        assert validate(said) == []
        assert 1 <= len(said["blocks"]) <= 7
        assert 0 < len(said["text"]) <= 150


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MESSAGES)
def test_what_a_phone_shows_is_one_plain_line_with_status_and_name(renderer: Renderer, name: str, kind: Kind) -> None:
    text = slack(renderer, name, kind=kind)["text"]

    assert re.match(r"[A-Z][a-z ]+: (Comprehensive Customer Journey Analysis|Monthly Process|Data Preparation)", text)
    assert not re.search(r"[*_<>`▰▱\n]", text)


def test_a_live_message_keeps_its_height_while_the_run_lasts(renderer: Renderer) -> None:
    rows = [len(slack(renderer, name, kind="live")["blocks"]) for name in ("operation.progress", "operation.paused")]

    assert rows[0] == rows[1]


def test_a_name_is_cut_at_120_characters(renderer: Renderer) -> None:
    said = slack(renderer, "operation.progress", change=samples.maximal)

    title = said["blocks"][0]["text"]["text"].split("\n")[0]
    assert title.endswith("…")
    assert len(re.sub(r"&\w+;", "&", title.split(" · ", 1)[1])) <= 120


@pytest.mark.parametrize(
    ("name", "kind", "total"), [("operation.completed", "reply", 50), ("operation.completed", "each", 50),
                                ("batch.completed", "reply", 303)]
)  # fmt: skip
def test_what_is_left_out_of_a_long_list_is_counted(renderer: Renderer, name: str, kind: Kind, total: int) -> None:
    blocks = slack(renderer, name, kind=kind, change=samples.maximal)["blocks"]

    texts = [block["text"]["text"] for block in blocks if "text" in block]
    lines = next(text for text in texts[1:] if "+ " in text).split("\n")
    items = sum(line.startswith(("• ", "✅", "🔴", "⏳")) for line in lines)
    assert items >= 1
    assert lines[-1] == f"+ {total - items} more"


def test_there_is_no_button_which_would_need_somebody_to_answer_its_clicks(renderer: Renderer) -> None:
    assert not any("actions" in json.dumps(slack(renderer, name, kind=kind)) for name in MESSAGES for kind in KINDS)


def test_nothing_is_linked_without_the_platforms_address() -> None:
    said = slack(Renderer([ROOT / "templates"]), "operation.progress")

    assert "<http" not in json.dumps(said)


# E-mail


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_mail_is_flawless_html_that_a_screen_reader_can_follow(renderer: Renderer, name: str, change: str) -> None:
    for language in LANGUAGES:
        html = document(mail(renderer, name, language=language, change=CHANGES[change])["html"])

        assert html.get("lang") == language
        assert html.findtext("head/title")
        assert len(list(html.iter("h1"))) == 1
        assert all(heading.get("scope") == "row" for heading in html.iter("th"))
        for table in html.iter("table"):
            data = table.find("tbody/tr/th") is not None
            assert data or table.get("role") in ("presentation", "img")
            assert table.get("role") != "img" or table.get("aria-label")
        assert all(link.get("href", "").startswith("http") and visible(link) for link in html.iter("a"))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_mail_holds_nothing_that_mail_programs_refuse(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name, change=samples.hostile)["html"]
    tags = {str(element.tag) for element in document(html).iter() if isinstance(element.tag, str)}

    allowed = {"html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "tr", "th", "td", "p", "h1",
               "h2", "a"}  # fmt: skip
    assert tags <= allowed
    assert not re.search(r"flex|url\(|@import|data:|javascript:", html.replace("javascript:x", ""))


@pytest.mark.parametrize("name", MESSAGES)
def test_what_an_event_says_adds_no_element_and_no_attribute(renderer: Renderer, name: str) -> None:
    typical, hostile = (shape(mail(renderer, name, change=change)["html"]) for change in (dict, samples.hostile))

    assert hostile <= typical


def shape(html: str) -> set[tuple[str, ...]]:
    return {(str(element.tag), *sorted(element.keys())) for element in document(html).iter()}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_dark_scheme_and_the_narrow_screen_survive_inlining(renderer: Renderer, name: str) -> None:
    html = mail(renderer, name)["html"]

    assert html.count("<style") == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background-color: #FFFFFF" in html.partition("</style>")[2]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_mail_is_small_enough_not_to_be_clipped(renderer: Renderer, name: str, change: str) -> None:
    said = mail(renderer, name, change=CHANGES[change])

    assert len(said["html"].encode()) <= 60 * 1024


@pytest.mark.parametrize("change", ["typical", "bare", "hostile", "maximal"])
@pytest.mark.parametrize("name", MESSAGES)
def test_the_text_part_says_all_that_the_html_says(renderer: Renderer, name: str, change: str) -> None:
    for language in LANGUAGES:
        said = mail(renderer, name, language=language, change=CHANGES[change])
        html = document(said["html"])
        text = re.sub(r"\s+", " ", said["text"])

        for line in visible(html):
            assert re.sub(r"\s+", " ", line) in text
        assert all(link.get("href", "") in said["text"] for link in html.iter("a"))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_subject_is_one_line_that_says_what_happened_to_what(renderer: Renderer, name: str) -> None:
    for change in CHANGES.values():
        subject = mail(renderer, name, language="de", change=change)["subject"]

        assert subject.startswith("[relay] ")
        assert len(subject) <= 200
        assert subject.isprintable()


def test_a_mail_of_a_failure_answers_in_the_order_of_the_questions(renderer: Renderer) -> None:
    text = mail(renderer, "operation.failed")["text"]

    order = ["Failed", "Comprehensive Customer", "Stopped in Machine", "SOURCE_TIMEOUT", "did not answer for 300 s",
             "temporary", "Failed at", "View error: https://"]  # fmt: skip
    assert sorted(order, key=text.index) == order


def test_a_mail_says_why_it_came(renderer: Renderer) -> None:
    assert "Ziel „analysts“" in mail(renderer, "operation.completed", language="de")["text"]


def test_a_long_error_is_cut_at_500_characters(renderer: Renderer) -> None:
    html = document(mail(renderer, "operation.failed", change=samples.maximal)["html"])

    error = next(element for element in html.iter("div") if "error" in element.get("class", "").split())
    assert len("".join(error.itertext())) == 500


def visible(element: Element) -> list[str]:
    """What can be read, block by block; a progress bar by its label."""
    if element.tag in ("head", "style") or "hidden" in element.get("class", ""):
        return []
    if element.get("role") == "img":
        return [element.get("aria-label", "")]
    if element.tag in ("p", "h1", "h2", "th", "a") or element.get("class") in ("value", "error"):
        told = " ".join("".join(element.itertext()).split())
        return [told] if told else []
    return [text for child in element if isinstance(child.tag, str) for text in visible(child)]


# Colours


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", MESSAGES)
def test_every_text_has_enough_contrast(renderer: Renderer, name: str, scheme: str) -> None:
    html = mail(renderer, name)["html"]
    dark = dark_rules(html) if scheme == "dark" else []

    pairs = set(colours(document(html), (), dark))

    assert pairs
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


Rule = tuple[tuple[str, ...], dict[str, str]]


def dark_rules(html: str) -> list[Rule]:
    """The selectors of the dark scheme with what they set, the most specific last."""
    block = html.partition("@media (prefers-color-scheme: dark) {")[2].partition("\n}\n</style>")[0]
    rules: list[Rule] = []
    for selectors, declared in re.findall(r"([^{}]+)\{([^{}]*)\}", block):
        rules += [(tuple(selector.split()), declarations(declared)) for selector in selectors.split(",")]
    return sorted(rules, key=lambda rule: (sum(part.startswith(".") for part in rule[0]), len(rule[0])))


def declarations(style: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in style.split(";") if ":" in each)
    return {key.strip(): value.replace("!important", "").strip() for key, _, value in pairs}


def colours(element: Element, above: tuple[Element, ...], dark: list[Rule]) -> Iterator[tuple[str, str]]:
    """(colour, background) of every element that has text of its own."""
    if element.tag in ("head", "style") or "hidden" in element.get("class", ""):
        return
    chain = (*above, element)
    if "".join([element.text or "", *(child.tail or "" for child in element)]).replace("\u00a0", " ").strip():
        yield nearest(chain, "color", dark), nearest(chain, "background-color", dark)
    for child in element:
        if isinstance(child.tag, str):
            yield from colours(child, chain, dark)


def nearest(chain: tuple[Element, ...], name: str, dark: list[Rule]) -> str:
    for depth in range(len(chain), 0, -1):
        style = declarations(chain[depth - 1].get("style", ""))
        for selector, declared in dark:
            if matches(chain[:depth], selector):
                style |= declared
        if name in style:
            return style[name]
    raise AssertionError(f"no {name} at {chain[-1].tag} {chain[-1].get('class')}")


def matches(chain: tuple[Element, ...], selector: tuple[str, ...]) -> bool:
    def fits(element: Element, part: str) -> bool:
        return part[1:] in element.get("class", "").split() if part.startswith(".") else element.tag == part

    *outer, last = selector
    return fits(chain[-1], last) and all(any(fits(element, part) for element in chain[:-1]) for part in outer)


def contrast(colour: str, background: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(value: str) -> float:
        channels = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(colour), luminance(background)))
    return (lighter + 0.05) / (darker + 0.05)


# German


ENGLISH = (
    r"January|Jan(?!\.)|March|May|October|December|Started|Running|Completed|Failed|Timed out|Cancelled|Pending|High"
    r"|Medium|[Rr]ecords?|phase|of|left|found|after|at|in \d|minutes?|hours?|more|updated|started|Duration|Files"
)


@pytest.mark.parametrize("name", MESSAGES)
def test_german_is_german(renderer: Renderer, name: str) -> None:
    said = [slack(renderer, name, kind=kind, language="de") for kind in KINDS]
    letter = mail(renderer, name, language="de")
    told = json.dumps(said, ensure_ascii=False) + letter["subject"] + letter["preheader"] + letter["text"]

    told = re.sub(r"<?https?://[^\s|>\"]+", "", told)
    for text in strings(samples.bodies()):
        told = told.replace(text, "") if " " in text else told  # free text of the sender stays as it is
    english = re.findall(rf"\b({ENGLISH})\b", told)
    assert english == []


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_german_numbers_times_and_percentages_are_written_the_german_way(renderer: Renderer) -> None:
    said = json.dumps(slack(renderer, "operation.progress", language="de"), ensure_ascii=False)

    assert "125.430 von 187.250" in said
    assert "67\u00a0%" in said
    assert "noch 15–20 min" in said
    assert "1.890/min" in said
    assert "13:05 Uhr" in said


def test_the_text_part_of_a_mail_has_ordinary_spaces_only(renderer: Renderer) -> None:
    letter = mail(renderer, "operation.failed", language="de")

    assert "72 %" in letter["text"]
    assert "72\u00a0%" in letter["html"].replace("&nbsp;", "\u00a0")
    assert "\u00a0" not in letter["text"] + letter["subject"] + letter["preheader"]


def test_a_german_mail_of_the_results_reads_well(renderer: Renderer) -> None:
    text = mail(renderer, "operation.completed", language="de")["text"]

    assert "347 Prozessvarianten und 23 Auffälligkeiten in 187.248 Datensätzen gefunden. Dauer: 45 min." in text
    assert "Process Mining Analysis Report (PDF, 3,2 MB)" in text
    assert "Kosten: 2,31 $" in text
    assert "Sie erhalten diese E-Mail, weil" in text


@pytest.mark.parametrize(
    ("summary", "english", "german"),
    [
        ({"processVariants": 1, "anomaliesDetected": 1, "recordsAnalyzed": 1},
         "1 process variant and 1 anomaly found in 1 record.",
         "1 Prozessvariante und 1 Auffälligkeit in 1 Datensatz gefunden."),
        ({"processVariants": 2, "anomaliesDetected": 0, "recordsAnalyzed": 1500},
         "2 process variants and 0 anomalies found in 1,500 records.",
         "2 Prozessvarianten und 0 Auffälligkeiten in 1.500 Datensätzen gefunden."),
        ({"anomaliesDetected": 3}, "3 anomalies found.", "3 Auffälligkeiten gefunden."),
        ({"recordsProcessed": 89420}, "89,420 records processed.", "89.420 Datensätze verarbeitet."),
        ({"somethingElse": 5}, "", ""),
    ],
)  # fmt: skip
def test_the_result_is_counted_right(renderer: Renderer, summary: Body, english: str, german: str) -> None:
    operation = {"operationId": "op-1", "status": "Completed"}
    event = samples.event_of(
        samples.envelope(
            "operation.completed", "2024-01-20T12:03:00Z", operation=operation, results={"summary": summary}
        )
    )

    said = [
        renderer.render("email", "each", event, (), language=language, timezone="UTC", now=event.occurred_at)[
            "preheader"
        ]
        for language in LANGUAGES
    ]

    assert said == [english, german]


def test_both_languages_have_every_message_with_the_same_values() -> None:
    with (ROOT / "templates/locales/de/messages.po").open("rb") as file:
        catalogue = read_po(file)

    for message in catalogue:
        if message.id:
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            source = message.id if isinstance(message.id, str) else " ".join(message.id)
            assert all(texts), message.id
            assert {name for text in texts for name in placeholders(str(text))} == placeholders(source), message.id


def test_the_catalogue_holds_nothing_that_no_template_says() -> None:
    source = (ROOT / "templates/locales/de/messages.po").read_text("utf-8")
    said = "\n".join(
        file.read_text("utf-8") for file in (ROOT / "templates").rglob("*.*") if "locales" not in file.parts
    )
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "relay" / "rendering").glob("*.py"))
    texts = re.findall(r'^msgid "(.+)"$', source, re.MULTILINE)

    missing = [text for text in texts if not mentioned(text, said, code)]

    assert missing == []


def mentioned(text: str, said: str, code: str) -> bool:
    written = re.sub(r"%\((\w+)\)s", r"{{ \1 }}", text)
    camel = "".join(word[:1].upper() + word[1:] for word in text.split(" "))
    keys = (f'"{text}"', f'"{camel}"', f'"{camel[:1].lower()}{camel[1:]}"')
    return written in said or any(key in code or key in said for key in keys) or text in PRIORITIES + STATUSES
