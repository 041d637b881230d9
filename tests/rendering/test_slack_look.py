"""Every Slack message: as it was agreed (tests/golden/slack), taken by Slack whatever the event says, in both profiles.

RELAY_UPDATE_GOLDEN=1 writes what it is now into tests/golden; read the difference before you keep it.
"""

import json
import re
from itertools import product

import pytest

from relay.channels.slack.limits import validate
from relay.domain.display import length
from relay.rendering import Renderer
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.every_case import every_case
from tests.support.golden import GOLDEN, agreed
from tests.support.slack_reading import DATE, NBSP, profiles, texts
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


@pytest.mark.parametrize("name", NAMES)
def test_slack_takes_every_message_in_both_profiles(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind, fixture, language in product(KINDS, FIXTURES, LANGUAGES):
            with case(kind, fixture, language):
                content = slacks.message(renderer, name, kind, language, FIXTURES[fixture])
                for blocks in profiles(content).values():
                    assert validate({"text": content["text"], "blocks": blocks}) == []
                    assert 1 <= len(blocks) <= 7
                    ids = [block["block_id"] for block in blocks if "block_id" in block]
                    assert len(ids) == len(set(ids))
                    assert not {"actions", "button"} & {block["type"] for block in blocks}


@pytest.mark.parametrize("name", NAMES)
def test_a_typical_message_is_short(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind in KINDS:
            with case(kind):
                content = slacks.message(renderer, name, kind)

                addresses = sum(length(address) for address in re.findall(r"<(http[^|]*)\|", str(content["blocks"])))
                assert sum(map(length, texts(content["blocks"]))) - addresses <= 1_500


@pytest.mark.parametrize("name", NAMES)
def test_what_a_phone_shows_is_one_plain_line_with_status_and_name(renderer: Renderer, name: str) -> None:
    names = ("Comprehensive Customer", "Monthly Process", "Data Preparation", "Month-end", "AP invoices")
    with every_case() as case:
        for kind, fixture, language in product(KINDS, FIXTURES, LANGUAGES):
            with case(kind, fixture, language):
                text = slacks.message(renderer, name, kind, language, FIXTURES[fixture])["text"]

                label, _, rest = text.partition(": ")
                assert re.fullmatch(r"[A-ZÜ][\w' ]{3,30}", label.replace(NBSP, " "))
                assert rest
                assert length(text) <= 400
                assert not re.search(r"[<>\n▰▱]", text)
                if fixture == "typical":
                    assert rest.startswith(names)
                    assert not re.search(r"[*_`]", text.replace("SOURCE_TIMEOUT", ""))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_an_event_mentions_anybody_or_leads_anywhere(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind, language in product(KINDS, LANGUAGES):
            content = slacks.message(renderer, name, kind, language, FIXTURES["hostile"])

            for text in texts(content):
                with case(kind, language, repr(text)):
                    for token in re.findall(r"<[^>]*>?", text):
                        pages = tuple(f"<{page}" for page in samples.PAGES)
                        assert token.startswith(pages) or DATE.fullmatch(token)
                    assert "<!" not in text.replace("<!date^", "")
                    assert "<@" not in text
                    assert not re.search(r"\*bold\*|_italic_|~gone~|:tada:", re.sub(r"```[^`]*```|<[^|>]*\|", "", text))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_too_long_is_cut_between_characters_and_linked(renderer: Renderer, name: str) -> None:
    with every_case() as case:
        for kind in KINDS:
            with case(kind):
                passages = list(texts(slacks.message(renderer, name, kind, "en", FIXTURES["maximal"])))

                for text in passages:
                    with case(kind, repr(text)):
                        assert text.encode("utf-16", "strict")
                        assert not re.search(r"&[a-z]{0,3}…", text)
                        assert text.count("<") == text.count(">")
                        assert text.count("```") % 2 == 0
                assert any("…" in text for text in passages)
                outcome = kind != "reply" or name.partition(".")[2] in ("completed", "failed", "timeout")
                if outcome and name != "batch.operation.failed" and has_tracking_url(name):
                    assert "<https://" in "".join(passages)


def has_tracking_url(name: str) -> bool:
    """Whether the event's document says where the run can be looked at."""
    body = slacks.bodies()[name]
    return "trackingUrl" in (body["batch"] if name.startswith("batch.") and "batch" in body else body["operation"])
