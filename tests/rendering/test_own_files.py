"""Files and languages of a user's own: which is taken, and what they may leave out."""

from typing import Any

import pytest

from relay.errors import TemplateError
from relay.rendering import Renderer
from tests.support import samples
from tests.support.renderers import BUILT_IN, Build, only, progress, render, text_of

# A user's own files


def test_the_wording_of_all_messages_is_replaced_with_the_sentences(own: Build) -> None:
    sentences = (BUILT_IN / "sentences.j2").read_text("utf-8")
    renderer = own(
        {"sentences.j2": sentences.replace("%}expected to finish {{ time }}, as usual{%", "%}over {{ time }}{%")}
    )

    assert "over at 13:05 CET on 20 Jan" in text_of(renderer, progress())
    assert renderer.overriding_file("slack", "each", progress()) == "sentences.j2"  # so all of it is in the sandbox


def test_a_mail_of_ones_own_layout_keeps_its_content(own: Build) -> None:
    renderer = own(
        {"email/operation.progress.html": "<p style='x'>{{ mail.heading }}</p>{{ link('javascript:x', 'y') }}"}
    )

    told = render(renderer, progress(operationName="<b>"), "email")

    assert "&lt;b&gt;" in told["html"]
    assert "javascript" not in told["html"]
    assert "67%" in told["text"]


def test_a_new_channel_needs_a_folder_and_nothing_else(own: Build) -> None:
    renderer = own({"teams/generic.yaml": "title: '{{ op.name }}'\nurl?: '{{ links.operation }}'\ncount: 3"})

    told = render(renderer, progress(operationName='a "b" <c>'), "teams")

    assert told == {"title": 'a "b" <c>', "count": 3}
    assert renderer.fallback("teams", progress(), "en")["text"].startswith("Running: ")


def test_a_third_language_is_one_folder(own: Build) -> None:
    catalogue = 'msgid "Running"\nmsgstr "En cours"\n\nmsgctxt "time"\nmsgid "HH:mm z, d MMM"\nmsgstr "HH\'h\'mm z"\n'
    renderer = own(
        {"locales/fr/messages.po": catalogue}
        | only("{{ op.status_label }} {{ op.records_total|num }} {{ now|localtime }}")
    )

    assert renderer.languages == ("en", "fr", "de")
    assert text_of(renderer, progress(), language="fr") == "En cours 187\u202f250 13h03 UTC+1"


def test_a_variant_of_a_language_brings_its_own_numbers(own: Build) -> None:
    renderer = own(only("{{ op.status_label }} {{ op.records_total|num }}"))

    assert text_of(renderer, progress(), language="de-CH") == "Läuft 187’250"


@pytest.mark.parametrize("language", ["", "tlh", "xx-YY"])
def test_a_language_nobody_translated_is_english(renderer: Renderer, language: str) -> None:
    assert text_of(renderer, progress(), language=language).startswith("Running: ")


# Files of the user's own


@pytest.mark.parametrize(
    ("files", "kind", "destination", "told"),
    [
        (["completed"], "each", "analysts", "completed"),
        (["completed"], "reply", "analysts", "completed"),  # although a reply is built in
        (["completed", "completed.reply"], "reply", "analysts", "completed.reply"),
        (["completed", "completed.reply"], "each", "analysts", "completed"),
        (["completed", "completed@analysts"], "each", "analysts", "completed@analysts"),
        (["completed", "completed@analysts"], "each", "team", "completed"),
        (["completed.reply", "completed@analysts"], "reply", "analysts", "completed@analysts"),
        (["completed@analysts", "completed.reply@analysts"], "reply", "analysts", "completed.reply@analysts"),
        (["completed@analysts", "completed.reply@analysts"], "live", "analysts", "completed@analysts"),
    ],
)
def test_the_closest_file_of_the_users_own_is_taken(
    own: Build, files: list[str], kind: Any, destination: str, told: str
) -> None:
    renderer = own({f"slack/operation.{file}.yaml": f"text: '{file}'" for file in files})
    event = samples.messages()["operation.completed"]

    assert render(renderer, event, kind=kind, destination=destination)["text"] == told
    assert renderer.overriding_file("slack", kind, event, destination) == f"slack/operation.{told}.yaml"


# A language of the user's own


@pytest.mark.parametrize("told", ["100 % of it", "%(name)9s", "%(name)d", "%s", "%(name)999999999s"])
def test_a_translation_that_could_grow_or_fail_is_refused(own: Build, told: str) -> None:
    catalogue = (
        f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\nmsgid "%(name)s is late."\nmsgstr "{told}"\n'
    )

    with pytest.raises(TemplateError, match=r"locales/de/messages.po:4: a %"):
        own({"locales/de/messages.po": catalogue})
