"""Translations: the `.po` files of every template directory, read into memory once. No build step, nothing global."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, get_timezone_name, parse_pattern
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal, format_percent

from relay.errors import TemplateError

SOURCE = "en"  # the language the templates are written in: needs no catalogue

# How the documents' own words are told; every other word is told as it is spelled, its camelCase undone.
WORDINGS = {
    "Initiated": "Started", "Timeout": "Timed out", "Stalled": "No progress", "ProcessMiningAnalysis": "Process mining",
    "DataEnrichment": "Data enrichment", "ReportGeneration": "Report generation",
}  # fmt: skip
# The documented keys that messages show under their own names.
SHOWN_KEYS = (
    "recordsAnalyzed", "recordsProcessed", "recordsLoaded", "validRecords", "processVariants", "anomaliesDetected",
    "modelsGenerated", "reportsCreated", "dataQualityScore", "overallConfidenceScore", "activitiesDiscovered",
    "uniquePaths", "reason",
)  # fmt: skip
MAX_KEPT = 100  # characters of a word that is remembered
VALUE = re.compile(r"%\(\w+\)s|%%")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.]+")


MAX_ZONES = 256  # years of zones whose names are remembered

MAX_DATES = 512  # that are remembered

LARGEST_GROUPED = 10**12  # up to here `f"{number:.2f}"` and a decimal number of two digits are the same

PROBES = (0, 7, 999, 1000, 9999, 12_345.6, 1_234_567.89, LARGEST_GROUPED - 0.01)

_FIELD = re.compile(r"%\((\w+)\)s")

_ABBREVIATION = re.compile(r"[^\W\d_]{1,5}")


class LocalePatterns:
    """A zone whose short name this language lacks is `UTC+5:30`, where the CLDR has `+0530` or a whole sentence."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale
        self.percent = lru_cache(256)(self._percent)
        self._zones: dict[tuple[object, ...], str] = {}
        self.dates: dict[tuple[object, ...], str] = {}
        self._shape = lru_cache(64)(self._compiled)

    def decimal(self, number: float) -> str:
        """`1,284,530.5`; the number has at most two digits after the point."""
        if self._plain and 0 <= number < LARGEST_GROUPED:
            return self._grouped(number)
        return format_decimal(number, locale=self._locale)

    def time(self, local: datetime, pattern: str) -> str:
        """The time, in a zone, by a pattern of the CLDR."""
        write = self._shape(pattern)
        return write(local) if write else format_datetime(local, pattern, tzinfo=local.tzinfo, locale=self._locale)

    def remembered(self, key: tuple[object, ...], write: Callable[[], str]) -> str:
        """A time as it was written: a message says most of its times twice, and its edits say them again."""
        date = self.dates.get(key)
        if date is None:
            date = write()
            if len(self.dates) >= MAX_DATES:
                self.dates.clear()
            self.dates[key] = date
        return date

    @cached_property
    def _plain(self) -> bool:
        return all(self._grouped(number) == format_decimal(number, locale=self._locale) for number in PROBES)

    @cached_property
    def _marks(self) -> dict[int, str]:
        symbols = self._locale.number_symbols["latn"]
        return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})

    def _grouped(self, number: float) -> str:
        text = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
        return text if text.isdigit() else text.translate(self._marks)

    def _percent(self, whole: int) -> str:
        return format_percent(whole / 100, locale=self._locale)

    def _compiled(self, pattern: str) -> Callable[[datetime], str] | None:
        """What writes a time by this pattern; None if a part of it is not known here."""
        months, days = self._locale.months["format"], self._locale.days["format"]
        writers: dict[str, Callable[[datetime], str]] = {
            "HH": lambda time: f"{time.hour:02}",
            "mm": lambda time: f"{time.minute:02}",
            "d": lambda time: str(time.day),
            "y": lambda time: str(time.year),
            "MMM": lambda time: months["abbreviated"][time.month],
            "MMMM": lambda time: months["wide"][time.month],
            "EEE": lambda time: days["abbreviated"][time.weekday()],
            "EEEE": lambda time: days["wide"][time.weekday()],
            "z": self.zone,
        }
        shape = str(parse_pattern(pattern).format)
        fields = set(_FIELD.findall(shape))
        if not fields <= writers.keys():
            return None
        parts = [(name, writers[name]) for name in fields]
        return lambda time: shape % {name: write(time) for name, write in parts}

    def zone(self, time: datetime) -> str:
        """`CET`, which Babel takes 40 µs to find. In one year a zone has one name in summer and one in winter."""
        key = time.tzinfo, time.year, time.utcoffset(), time.dst()
        name = self._zones.get(key)
        if name is None:
            if len(self._zones) >= MAX_ZONES:
                self._zones.clear()
            spelled = get_timezone_name(time, width="short", locale=self._locale)
            name = self._zones[key] = spelled if _ABBREVIATION.fullmatch(spelled) else _offset(time)
        return name


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its words and, as `locale`, its numbers and dates."""

    code: str
    locale: Locale
    translations: NullTranslations
    patterns: LocalePatterns

    def label(self, word: str) -> str:
        """A status, type, priority or key of a document in this language: `recordsLoaded` as "Records loaded"."""
        spoken = WORDINGS.get(word) or humanise(word)
        return self.translations.gettext(spoken) if spoken else ""


class Catalogues:
    """The languages there are. A directory that is searched first wins, message by message."""

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
        """The languages, the source language first."""
        return tuple(self._languages)

    def file(self, code: str) -> Path:
        """The language's catalogue; of several the one that is searched first."""
        return self._files[code]

    def _nearest(self, code: str) -> Language:
        """The nearest language there is: `de-AT` is German with Austrian numbers; one unknown is English."""
        base = re.split(r"[-_]", code)[0].lower()
        nearest = self._languages.get(code) or self._languages.get(base)
        if nearest is None:
            return self._languages[SOURCE]
        try:
            return nearest if code == nearest.code else _language(code, nearest.translations)
        except (UnknownLocaleError, ValueError):
            return nearest

    def untranslated(self, code: str, messages: Iterable[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
        """Those of these (context, text) that the language does not have. The source language lacks none."""
        catalogues = self._catalogues.get(code, [])
        return [
            (context, text) for context, text in messages
            if code != SOURCE and not any(_complete(catalogue, text, context) for catalogue in catalogues)
        ]  # fmt: skip

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
    return " ".join([first[0].upper() + first[1:], *(part if part.isupper() else part.lower() for part in rest)])


def languages(directories: Iterable[Path]) -> tuple[str, ...]:
    """The codes of the languages that these directories have catalogues for, found without reading them."""
    files = [file for directory in directories for file in sorted(directory.glob("locales/*/messages.po"))]
    return tuple(dict.fromkeys([SOURCE, *(file.parent.name.replace("_", "-") for file in files)]))


def placeholders(text: str) -> set[str]:
    """The names of the values in a message: `%(name)s`."""
    return set(re.findall(r"%\((\w+)\)s", text))


def _language(code: str, translations: NullTranslations) -> Language:
    locale = _locale(code)
    return Language(code, locale, translations, LocalePatterns(locale))


def _locale(code: str) -> Locale:
    return Locale.parse(code, sep="-" if "-" in code else "_")


def _read(file: Path) -> Catalog:
    try:
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=Locale.parse(file.parent.name.replace("-", "_")), abort_invalid=True)
    except PoFileError as error:
        raise TemplateError(f"{file}:{error.lineno + 1}: {error}") from None
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


def _complete(catalogue: Catalog, text: str, context: str | None) -> bool:
    message = catalogue.get(text, context)
    return message is not None and not message.fuzzy and all(_texts(message.string) or [""])


# At the foot of a message.
FELL_BACK = "Shown with relay's own wording: the template %(file)s failed."

# Before a message that somebody asked for to see that messages arrive.
TEST = "Test"
TEST_NOTE = "Test message, sent with relay test-send. What it tells of does not exist, and its links lead nowhere."
CONSOLE_TEST_NOTE = (
    "Test message, sent from relay's console. What it tells of does not exist, and its links lead nowhere."
)

# To the one person who pressed a button, seen by nobody else.
TAKEN = "Asked for. What comes of it is told in the thread."
TWICE = "That was asked for already. What comes of it is told in the thread."
STALE = "This button is no longer good: the message has newer ones, or it is too old."
FORBIDDEN = "You may not do this. Whoever runs relay decides who may."
SLOW = "Slack does not say who you are just now, so nothing was done. Press again in a moment."

NOTICES = (FELL_BACK, TEST, TEST_NOTE, CONSOLE_TEST_NOTE, TAKEN, TWICE, STALE, FORBIDDEN, SLOW)
