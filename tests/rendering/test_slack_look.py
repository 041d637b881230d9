"""Every Slack message: as it was agreed (tests/golden/slack), and taken by Slack whatever the event says.

RELAY_UPDATE_GOLDEN=1 writes what it is now into tests/golden; read the difference before you keep it.
"""

import json
import re
from itertools import product
from typing import Any

import pytest

from relay.domain.display import length
from relay.rendering import Renderer
from relay_sandbox.standins.slack_limits import validate
from tests.rendering.golden import GOLDEN, agreed
from tests.rendering.slack_reading import DATE, NBSP, mrkdwn, strings, texts
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.extremes import FIXTURES
from tests.support.slacks import KINDS, LANGUAGES, NAMES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_slack_says_what_was_agreed(renderer: Renderer, name: str, language: str) -> None:
    contents = {kind: slacks.message(renderer, name, kind, language) for kind in KINDS}

    agreed(f"slack/{name}.{language}.json", json.dumps(contents, ensure_ascii=False, indent=2) + "\n")


def test_nothing_is_agreed_that_nobody_says() -> None:
    files = {f"{name}.{language}.json" for name in NAMES for language in LANGUAGES}

    assert {file.name for file in (GOLDEN / "slack").glob("operation.*")} | {
        file.name for file in (GOLDEN / "slack").glob("batch.*")
    } == files


TITLES = ("Comprehensive", "Monthly Process", "Data Preparation", "Month-end", "AP invoices")


@pytest.mark.parametrize("name", NAMES)
def test_slack_takes_every_message_and_a_phone_shows_it_in_one_plain_line(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind, fixture, language in product(KINDS, FIXTURES, LANGUAGES):
            content = slacks.message(renderer, name, kind, language, FIXTURES[fixture])
            for judge in (taken, plain, *MORE.get(fixture, ()), *LABELLED[: not name.startswith("operation.stalled.")]):
                with case(kind, fixture, language, judge.__name__):
                    judge(content)
            if fixture == "maximal" and name != "batch.operation.failed" and has_tracking_url(name):
                outcome = kind != "reply" or name.partition(".")[2] in ("completed", "failed", "timeout")
                with case(kind, language, "what is cut is linked"):
                    assert not outcome or "<https://" in "".join(texts(content))


def taken(content: dict[str, Any]) -> None:
    assert validate(content) == []
    assert 1 <= len(content["blocks"]) <= 7
    assert not {"actions", "button"} & {block["type"] for block in content["blocks"]}


def labelled(content: dict[str, Any]) -> None:
    label, _, rest = content["text"].partition(": ")
    assert re.fullmatch(r"[A-ZÜ\d][\w', ]{3,30}", label.replace(NBSP, " "))
    assert rest


def plain(content: dict[str, Any]) -> None:
    assert length(content["text"]) <= 400
    assert not re.search(r"[<>\n▰▱]", content["text"])


def short(content: dict[str, Any]) -> None:
    assert content["text"].startswith(TITLES) or content["text"].partition(": ")[2].startswith(TITLES)
    assert not re.search(r"[*_`]", content["text"].replace("SOURCE_TIMEOUT", ""))
    addresses = sum(length(address) for address in re.findall(r"<(http[^|]*)\|", str(content["blocks"])))
    assert sum(map(length, texts(content["blocks"]))) - addresses <= 1_500


UNSEEN = "[\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0000-\u0009\u000b-\u001f]"  # it hides or turns the writing


def inactive(content: dict[str, Any]) -> None:
    """Nothing in an event mentions anybody, leads anywhere or formats anything."""
    for text in strings(content):
        for token in re.findall(r"<[^>]*>?", text):
            assert token.startswith(tuple(f"<{page}" for page in samples.PAGES)) or DATE.fullmatch(token)
        assert ">" not in re.sub(r"<[^>]*>", "", text)
        assert not re.search(UNSEEN, text)
        formatted = re.sub(r"```[^`]*```|<[^|>]*\|", "", text)  # in code and addresses nothing is
        assert not re.search(r"\*bold\*|_italic_|~gone~|`code`|:tada:|\b49\b", formatted)
        assert "&amp;amp;" not in text
    for text in (content["text"], *(passage["text"] for passage in mrkdwn(content))):
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)


def whole_characters(content: dict[str, Any]) -> None:
    passages = list(texts(content))
    for text in passages:
        assert text.encode("utf-16", "strict")
        assert not re.search(r"&[a-z]{0,3}…", text)
        assert text.count("<") == text.count(">")
        assert text.count("```") % 2 == 0
    assert any("…" in text for text in passages)


LABELLED = (labelled,)  # a run that relay found something wrong with comes before what that is
MORE = {"typical": (short,), "hostile": (inactive,), "maximal": (whole_characters,)}


def has_tracking_url(name: str) -> bool:
    body = slacks.bodies()[name]
    return "trackingUrl" in (body["batch"] if name.startswith("batch.") and "batch" in body else body["operation"])
