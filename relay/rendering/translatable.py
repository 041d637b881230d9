"""Texts of templates that languages need, and what they lack of these."""

from collections.abc import Iterator
from typing import NamedTuple

from jinja2.ext import extract_from_ast

from relay.domain.events import PRIORITIES, STATUSES
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
)


class Translatable(NamedTuple):
    """A text that languages need, or two: one and many."""

    location: str
    context: str | None
    texts: tuple[str, ...]


# What code says: of alerts, of batches, of recommendations, for true and false, and in its own sentences.
WORDS = ("Not started", "Medium", "Alert", "yes", "no", *OF_ALERTS.values(), NAMELESS, *NOTICES,
         *sorted(MEANINGS))  # fmt: skip


def untranslated(library: TemplateSet, catalogues: Catalogues) -> Iterator[str]:
    """Yield each text that a language lacks, with its place."""
    sources = [*translatable(library)]
    for code in catalogues.codes:
        missing = [
            (source.location, source.texts[0]) for source in sources
            if catalogues.lacks(code, source.texts[0], source.context)
        ]  # fmt: skip
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
