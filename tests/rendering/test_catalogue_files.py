"""A language's catalogue, begun and brought up to date by `relay template translate`."""

from pathlib import Path

import pytest

from relay.errors import TemplateError
from relay.rendering.translatable import Translatable, merged

SAID = [
    Translatable("relay", "time", ("HH:mm",)),
    Translatable("relay", None, ("Running",)),
    Translatable("/t/slack/x.yaml:3", None, ("%(n)s file", "%(n)s files")),
    Translatable("/t/email/y.yaml:4", None, ("Files",)),
    Translatable("/t/slack/x.yaml:9", None, ("Files",)),
]
NEW = """\
# French.
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

#. A time: https://unicode.org/reports/tr35/tr35-dates.html
msgctxt "time"
msgid "HH:mm"
msgstr ""

msgid "Running"
msgstr ""

#: slack/x.yaml
#, python-format
msgid "%(n)s file"
msgid_plural "%(n)s files"
msgstr[0] ""
msgstr[1] ""

#: email/y.yaml slack/x.yaml
msgid "Files"
msgstr ""
"""


def catalogue(folder: Path, text: str, language: str = "fr") -> Path:
    file = folder / "locales" / language / "messages.po"
    file.parent.mkdir(parents=True)
    if text:
        file.write_text(text, "utf-8")
    return file


def test_a_new_catalogue_has_a_header_and_every_text_with_its_place(tmp_path: Path) -> None:
    text, holds = merged(catalogue(tmp_path, ""), SAID, folders=[Path("/t")])

    assert text == NEW
    assert len(holds) == 4


def test_what_is_translated_stays_and_what_is_no_more_is_marked(tmp_path: Path) -> None:
    before = NEW.replace("# French.", "# Traduit par Zoé.").replace('msgid "Running"\nmsgstr ""',
        '# un mot\nmsgid "Running"\nmsgstr "En cours"\n\nmsgid "Gone"\nmsgstr "Disparu"')  # fmt: skip
    file = catalogue(tmp_path, before)

    text, holds = merged(file, SAID, folders=[Path("/t")])

    assert text.startswith("# Traduit par Zoé.\nmsgid")
    assert '# un mot\nmsgid "Running"\nmsgstr "En cours"\n' in text
    assert text.endswith('\n#~ msgid "Gone"\n#~ msgstr "Disparu"\n')
    assert len(holds.obsolete) == 1
    file.write_text(text, "utf-8")
    assert merged(file, SAID, folders=[Path("/t")])[0] == text


def test_a_catalogue_in_another_encoding_is_refused_with_its_name(tmp_path: Path) -> None:
    file = catalogue(tmp_path, "x")
    text = NEW.replace("utf-8", "iso-8859-1").replace('msgid "Running"\nmsgstr ""', 'msgid "Running"\nmsgstr "é"')
    file.write_text(text, "iso-8859-1")

    with pytest.raises(TemplateError, match=r"messages.po: expected UTF-8; save it in that encoding"):
        merged(file, SAID, folders=[])


@pytest.mark.parametrize(("language", "text", "fault"), [
    ("xx-nothing", "", "xx-nothing is no language; expected its code"),
    ("fr", "no catalogue\n", "messages.po:1: "),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(tmp_path: Path, language: str, text: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=fault):
        merged(catalogue(tmp_path, text, language), SAID, folders=[])
