"""A catalogue as its translator gets it: what is missing is added, what is said no more is marked, the rest stays."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from relay.errors import TemplateError
from relay.rendering.checks import Translatable

TIME_PATTERN = "A time: https://unicode.org/reports/tr35/tr35-dates.html"
HEADER = """\
# {name}.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals};\\n"
"""
# The first entry, whatever stands before it, with or without an empty line after it.
_FIRST = re.compile(r'(?:[ \t]*\n|#(?!~).*\n)*msgid[ \t]+""[ \t]*\nmsgstr[ \t].*(?:\n".*)*')


def merged(file: Path, sources: Iterable[Translatable], *, folders: Iterable[Path]) -> tuple[str, Catalog]:
    """The file's text with all of this in it, and what it holds. `folders` are left out of the places that say it.

    TemplateError if the file cannot be read, or is not in a folder named after a language.
    """
    code = file.parent.name
    try:
        locale = Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise TemplateError(f"{code} is no language; expected its code, for instance fr or pt-BR") from None
    catalogue, before = _read(file, locale)
    for key in [key for key in catalogue.obsolete if key not in catalogue]:  # a text that is said again, maybe
        message = catalogue.obsolete.pop(key)
        catalogue[message.id] = message
    catalogue.update(_template(sources, locale, [*folders]), no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, include_lineno=False)
    header = HEADER.format(name=locale.english_name, language=code, plurals=catalogue.plural_forms.rstrip(";"))
    return f"{_header(before) or header}\n{body.getvalue().decode().strip()}\n", catalogue


def _read(file: Path, locale: Locale) -> tuple[Catalog, str]:
    if not file.is_file():
        return Catalog(locale), ""
    try:
        with file.open("rb") as opened:
            return read_po(opened, locale=locale, abort_invalid=True), file.read_text("utf-8")
    except PoFileError as error:
        raise TemplateError(f"{file}:{error.lineno + 1}: {error}") from None
    except UnicodeDecodeError:
        raise TemplateError(f"{file}: expected UTF-8; save it in that encoding") from None


def _template(sources: Iterable[Translatable], locale: Locale, folders: list[Path]) -> Catalog:
    template = Catalog(locale)
    for location, context, texts in sources:
        path = Path(location.rpartition(":")[0])
        folder = next((folder for folder in folders if path.is_relative_to(folder)), None)
        locations = [(str(path.relative_to(folder)), 1)] if folder else []
        comments = [TIME_PATTERN] if context == "time" else []
        template.add(texts if len(texts) > 1 else texts[0], context=context, locations=locations,
                     auto_comments=comments)  # fmt: skip
    return template


def _header(text: str) -> str:
    """The file's own header, as its translator left it; empty if there is none that says how plurals are made."""
    header = _FIRST.match(text.lstrip("\ufeff"))
    return f"{header[0].lstrip()}\n" if header and "Plural-Forms" in header[0] else ""
