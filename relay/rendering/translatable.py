"""Texts of templates that languages need: what they lack of these, and catalogues with all of them."""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2.ext import extract_from_ast

from relay.domain.events import PRIORITIES, STATUSES
from relay.errors import TemplateError
from relay.rendering.environments import tree_of
from relay.rendering.formats.slack import FORMS, TODAY
from relay.rendering.localized_values import STYLES
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import (
    MEANINGS,
    NAMELESS,
    NAMELESS_BATCH,
    NOTICES,
    OF_ALERTS,
    SHOWN_KEYS,
    WORDINGS,
    Catalogues,
    humanise,
    read_catalogue,
)


class Translatable(NamedTuple):
    """A text that languages need, or two: one and many."""

    location: str
    context: str | None
    texts: tuple[str, ...]


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
    """Return the file's text with all of this, and what it holds. TemplateError if the file cannot be used."""
    code = file.parent.name
    try:
        locale = Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise TemplateError(f"{code} is no language; expected its code, for instance fr or pt-BR") from None
    catalogue, before = _read_for_update(file, locale)
    for key in [key for key in catalogue.obsolete if key not in catalogue]:  # a text that is said again, maybe
        message = catalogue.obsolete.pop(key)
        catalogue[message.id] = message
    catalogue.update(_template(sources, locale, [*folders]), no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, include_lineno=False)
    header = HEADER.format(name=locale.english_name, language=code, plurals=catalogue.plural_forms.rstrip(";"))
    return f"{_header(before) or header}\n{body.getvalue().decode().strip()}\n", catalogue


def _read_for_update(file: Path, locale: Locale) -> tuple[Catalog, str]:
    if not file.is_file():
        return Catalog(locale), ""
    try:
        return read_catalogue(file, locale), file.read_text("utf-8")
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


# What code says: of alerts, of batches, of recommendations, for true and false, and in its own sentences.
WORDS = ("Not started", "Medium", "Alert", "yes", "no", *OF_ALERTS.values(), NAMELESS, *NOTICES,
         *sorted(MEANINGS))  # fmt: skip


def untranslated(library: TemplateSet, catalogues: Catalogues) -> Iterator[str]:
    """Yield what languages lack: a single message with its place; several in one line."""
    sources = [*translatable(library)]
    for code in catalogues.codes:
        missing = [
            (source.location, source.texts[0]) for source in sources
            if catalogues.lacks(code, source.texts[0], source.context)
        ]  # fmt: skip
        count = len({text for _, text in missing})
        if count > 1:
            lacking = f"{count} texts have no translation to {code}, for instance {missing[0][1]!r}"
            yield f"{catalogues.file(code)}: {lacking}; `relay template translate {code}` adds them"
            continue
        yield from (f"{location}: no translation to {code} of {text!r}" for location, text in missing)


def translatable(library: TemplateSet) -> Iterator[Translatable]:
    """Yield all that is to be translated; the words that code brings come first."""
    patterns = (
        {pattern for style in STYLES.values() for pattern in style}
        | {form for form, _ in FORMS.values()}
        | {*TODAY.values()}
    )
    words = {WORDINGS.get(word, humanise(word)) for word in (*STATUSES, *PRIORITIES, *WORDINGS, *SHOWN_KEYS)} | {*WORDS}
    yield from (Translatable("relay", "time", (pattern,)) for pattern in sorted(patterns))
    yield from (Translatable("relay", None, (word,)) for word in sorted(words))
    yield Translatable("relay", None, NAMELESS_BATCH)
    for source in library.sources():
        for line, function, arguments in extract_from_ast(tree_of(source.text)):
            if arguments:
                context, texts = _message(function, arguments)
                yield Translatable(f"{source.file}:{source.line + line}", context, texts)


def _message(function: str, arguments: str | tuple[str | None, ...]) -> tuple[str | None, tuple[str, ...]]:
    texts = (arguments,) if isinstance(arguments, str) else arguments
    context, texts = (texts[0], texts[1:]) if function in ("pgettext", "npgettext") else (None, texts)
    plural = texts[1:2] if function in ("ngettext", "npgettext") else ()
    return context, tuple(text or "" for text in (*texts[:1], *plural))
