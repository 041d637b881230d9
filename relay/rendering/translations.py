"""Translations: the `.po` files of every template directory, read into memory once. No build step, nothing global."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal, format_percent

from relay.domain.error_tools import SIGNALS
from relay.domain.events import ALERT
from relay.errors import TemplateError
from relay.rendering.texts import short_id

SOURCE = "en"  # the language the templates are written in: needs no catalogue

# How the documents' own words are told; every other word is told as it is spelled, its camelCase undone.
WORDINGS = {
    "Initiated": "Started", "Timeout": "Timed out", "Stalled": "No progress", "ProcessMiningAnalysis": "Process mining",
    "DataEnrichment": "Data enrichment", "ReportGeneration": "Report generation",
    "DataExtraction": "Data extraction", "Pending": "Waiting", "operation.paused": "Paused",
    "operation.resumed": "Resumed",
}  # fmt: skip
# Types as their makers write them, in every language.
NAMES = {
    "OpenLineage": "OpenLineage", "CloudEvent": "CloudEvent", "cron job": "Cron job", "AIRFLOW": "Airflow",
    "SPARK": "Spark", "FLINK": "Flink", "DBT": "dbt", "DAGSTER": "Dagster",
}  # fmt: skip
# Titles of what has no name.
NAMELESS = "Run %(id)s"
NAMELESS_BATCH = ("Batch of %(number)s run", "Batch of %(number)s runs")
# What is said of an alert in place of what is said of a run.
OF_ALERTS = {
    "Failed": "Firing",
    "Completed": "Resolved",
    "*%(name)s* failed.": "*%(name)s* is firing.",
    "*%(name)s* failed: %(reason)s": "*%(name)s* is firing: %(reason)s",
    "*%(name)s* is complete.": "*%(name)s* is resolved.",
    "Finished after %(duration)s.": "Resolved after %(duration)s.",
    "finished %(time)s": "resolved %(time)s",
    "attempt %(number)s": "fired %(number)s times",
    "Attempt": "Times fired",
    "View run": "View alert",
    "Open result": "View alert",
}
# The documented keys that messages show under their own names.
SHOWN_KEYS = (
    "recordsAnalyzed", "recordsProcessed", "recordsLoaded", "validRecords", "processVariants", "anomaliesDetected",
    "modelsGenerated", "reportsCreated", "dataQualityScore", "overallConfidenceScore", "activitiesDiscovered",
    "uniquePaths", "reason",
)  # fmt: skip
MEANINGS = frozenset(SIGNALS.values())
MAX_KEPT = 100  # characters of a word that is remembered
VALUE = re.compile(r"%\(\w+\)s|%%")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.]+")


MAX_DATES = 512  # that are remembered

_ABBREVIATION = re.compile(r"[^\W\d_]{1,5}")
_ZONE = re.compile(r"'[^']*'|z")  # of a pattern: what stands as it is, or the zone's name


class LocalePatterns:
    """Babel's numbers and times of one locale, which take it 10 µs each, remembered."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale
        self.decimal = lru_cache(1024)(partial(format_decimal, locale=locale))
        self.percent = lru_cache(256)(lambda whole: format_percent(whole / 100, locale=locale))
        self._zones: dict[tuple[object, ...], str] = {}
        self.dates: dict[tuple[object, ...], str] = {}

    def time(self, local: datetime, pattern: str) -> str:
        """Write a time, in a zone, by a pattern of the CLDR."""
        pattern = _ZONE.sub(lambda part: f"'{self.zone(local)}'" if part[0] == "z" else part[0], pattern)
        return format_datetime(local, pattern, tzinfo=local.tzinfo, locale=self._locale)

    def remembered(self, key: tuple[object, ...], write: Callable[[], str]) -> str:
        """Return a time as it was written before: a message has most of its times twice, and its edits again."""
        date = self.dates.get(key)
        if date is None:
            date = write()
            if len(self.dates) >= MAX_DATES:
                self.dates.clear()
            self.dates[key] = date
        return date

    def zone(self, time: datetime) -> str:
        """Return the zone's name: `CET`, or `UTC+5:30` where the CLDR has `+0530` or a whole sentence."""
        key = time.tzinfo, time.year, time.utcoffset(), time.dst()
        if key not in self._zones:
            if len(self._zones) >= MAX_DATES:  # senders state the year
                self._zones.clear()
            name = get_timezone_name(time, width="short", locale=self._locale)
            self._zones[key] = name if _ABBREVIATION.fullmatch(name) else _offset(time)
        return self._zones[key]


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its words and, as `locale`, its numbers and dates."""

    code: str
    locale: Locale
    translations: NullTranslations
    patterns: LocalePatterns

    def label(self, word: str) -> str:
        """Name a status, type, priority or key of a document: `recordsLoaded` as "Records loaded"."""
        if word in NAMES:
            return NAMES[word]
        spoken = WORDINGS.get(word) or humanise(word)
        return self.translations.gettext(spoken) if spoken else ""

    def cause(self, cause: str) -> str:
        """Say what relay itself makes of exit codes (`SIGNALS`) in this language; what was reported stays as it is."""
        return self.translations.gettext(cause) if cause in MEANINGS else cause

    def title(self, kind: str, key: str, *, alone: bool = False) -> str:
        """Name a run that has no name: by its type, `alone` with its id too; by that where its type is unknown."""
        if not key:
            return ""
        if not kind:
            return self.translations.gettext(NAMELESS) % {"id": short_id(key)}
        return f"{self.label(kind)} {short_id(key)}" if alone else self.label(kind)

    def batch_title(self, total: float) -> str:
        """Name a batch that has no name."""
        if not total:
            return self.translations.gettext("Batch")
        words = self.translations.ngettext(*NAMELESS_BATCH, int(total))
        return words % {"number": self.patterns.decimal(total)}

    def of(self, kind: str) -> "Language":
        """Return the language as it is spoken of operations of this type."""
        if kind != ALERT:
            return self
        translations = _OfAlerts()
        translations.add_fallback(self.translations)
        return replace(self, translations=translations)


class _OfAlerts(NullTranslations):
    def gettext(self, message: str) -> str:
        return super().gettext(OF_ALERTS.get(message, message))


class Catalogues:
    """Languages with a catalogue. A directory that is searched first wins, message by message."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._catalogues: dict[str, list[Catalog]] = {}
        self._languages: dict[str, Language] = {}
        self._files: dict[str, Path] = {}
        for directory in directories:
            for file in sorted(directory.glob("locales/*/messages.po")):
                code = file.parent.name.replace("_", "-")
                self._files.setdefault(code, file)
                self._catalogues.setdefault(code, []).append(_read(file))
        for code in (SOURCE, *self._catalogues):
            self._languages.setdefault(code, self._language(code))
        self.language = lru_cache(64)(self._nearest)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the languages, the source language first."""
        return tuple(self._languages)

    def file(self, code: str) -> Path:
        """Return the language's catalogue; of several the one that is searched first."""
        return self._files[code]

    def _nearest(self, code: str) -> Language:
        """Return the nearest language: `de-AT` is German with Austrian numbers; one unknown is English."""
        base = re.split(r"[-_]", code)[0].lower()
        nearest = self._languages.get(code) or self._languages.get(base)
        if nearest is None:
            return self._languages[SOURCE]
        try:
            return nearest if code == nearest.code else _language(code, nearest.translations)
        except (UnknownLocaleError, ValueError):
            return nearest

    def lacks(self, code: str, text: str, context: str | None) -> bool:
        """Return whether the language does not have this text. The source language lacks none."""
        translated = [catalogue.get(text, context) for catalogue in self._catalogues.get(code, [])]
        return code != SOURCE and not any(
            message and not message.fuzzy and all(_texts(message.string) or [""]) for message in translated
        )

    def _language(self, code: str) -> Language:
        translations = NullTranslations()
        for catalogue in reversed(self._catalogues.get(code, [])):
            packed = io.BytesIO()
            write_mo(packed, catalogue)
            packed.seek(0)
            newer = GNUTranslations(packed)
            newer.add_fallback(translations)
            translations = newer
        return _language(code, translations)


def humanise(word: str) -> str:
    """`recordsProcessed` as "Records processed"; a word with spaces is somebody's own and stays."""
    if not word or " " in word:
        return word
    return _spelled(word) if len(word) <= MAX_KEPT else _spelled.__wrapped__(word)


@lru_cache(1024)
def _spelled(word: str) -> str:
    first, *rest = [part for part in _HUMP.split(word) if part] or [word]
    first = first if len(first) > 1 and first[1].isdigit() else first[0].upper() + first[1:]  # `p99` stays
    return " ".join([first, *(part if part.isupper() else part.lower() for part in rest)])


def languages(directories: Iterable[Path]) -> tuple[str, ...]:
    """The codes of the languages that these directories have catalogues for, found without reading them."""
    files = [file for directory in directories for file in sorted(directory.glob("locales/*/messages.po"))]
    return tuple(dict.fromkeys([SOURCE, *(file.parent.name.replace("_", "-") for file in files)]))


def placeholders(text: str) -> set[str]:
    """The names of the values in a message: `%(name)s`."""
    return set(re.findall(r"%\((\w+)\)s", text))


def _language(code: str, translations: NullTranslations) -> Language:
    locale = Locale.parse(code, sep="-" if "-" in code else "_")
    return Language(code, locale, translations, LocalePatterns(locale))


def read_catalogue(file: Path, locale: Locale) -> Catalog:
    """Read a `.po` file. TemplateError names file and line, UnicodeDecodeError is raised as it is."""
    try:
        with file.open("rb") as opened:
            return read_po(opened, locale=locale, abort_invalid=True)
    except PoFileError as error:
        raise TemplateError(f"{file}:{error.lineno + 1}: {error}") from None


def _read(file: Path) -> Catalog:
    try:
        catalogue = read_catalogue(file, Locale.parse(file.parent.name.replace("-", "_")))
    except (UnknownLocaleError, ValueError) as error:
        raise TemplateError(f"{file}: expected a folder named after a language, for instance de: {error}") from None
    for message in catalogue:
        source, translated = " ".join(_texts(message.id)), _texts(message.string)
        if source and any(not placeholders(text) <= placeholders(source) for text in translated):
            raise TemplateError(f"{file}:{message.lineno}: a %(name)s that {source!r} does not have")
        if source and any("%" in VALUE.sub("", text) for text in translated):  # a width would let it grow to any size
            raise TemplateError(f"{file}:{message.lineno}: a % that is neither %(name)s nor %%")
    return catalogue


def _texts(texts: str | Iterable[str | None] | None) -> list[str]:
    return [texts] if isinstance(texts, str) else [text or "" for text in texts or ()]


# At the foot of a message.
FELL_BACK = "Shown in relay's own wording because the template %(file)s failed."

# Before a message that somebody asked for to see that messages arrive.
TEST = "Test"
TEST_NOTE = "Test message, sent with relay test-send. It describes nothing real, and its links lead nowhere."
CONSOLE_TEST_NOTE = "Test message, sent from relay's console. It describes nothing real, and its links lead nowhere."

# To the one person who pressed a button, seen by nobody else.
TAKEN = "Requested. The result will appear in the thread."
TWICE = "Already requested. The result will appear in the thread."
STALE = "This button has expired: the message has newer ones, or it is too old."
FORBIDDEN = "You are not allowed to do this. The operator of relay can change that."
SLOW = "Slack could not confirm who you are, so nothing was done. Try again in a moment."

NOTICES = (FELL_BACK, TEST, TEST_NOTE, CONSOLE_TEST_NOTE, TAKEN, TWICE, STALE, FORBIDDEN, SLOW)
