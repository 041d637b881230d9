"""Numbers and times are written as Babel writes them."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent

from relay.rendering.localized_values import LARGEST, STYLES
from relay.rendering.translations import Catalogues, LocalePatterns
from tests.support.renderers import BUILT_IN

LOCALES = ("en", "en-GB", "de", "de-AT", "de-CH", "fr", "es", "sv", "pl", "hi", "ar", "ja", "pt-PT", "fa")
PATTERNS = sorted({pattern for style in STYLES.values() for pattern in style})


@pytest.mark.parametrize("code", LOCALES)
def test_a_number_is_written_as_babel_writes_it(code: str) -> None:
    locale, random = Locale.parse(code, sep="-"), Random(code)
    patterns = LocalePatterns(locale)
    sizes = [10 ** random.uniform(0, 14) for _ in range(400)]
    numbers = [*range(-20, 120), 0.0, -0.0, 0.005, 0.01, 99.99, 999.995, 1e15, 10**20, LARGEST, LARGEST - 1]
    numbers += [*map(int, sizes), *sizes, *(-size for size in sizes[:50])]

    for number in (round(number, 2) for number in numbers):
        assert patterns.decimal(number) == format_decimal(number, locale=locale), number
    for whole in (*range(-3, 130), 10**9):
        assert patterns.percent(whole) == format_percent(whole / 100, locale=locale)


@pytest.mark.parametrize("code", LOCALES)
def test_a_time_is_written_as_babel_writes_it(code: str) -> None:
    locale, random = Locale.parse(code, sep="-"), Random(code)
    patterns = LocalePatterns(locale)
    zones = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")]
    german = Catalogues([BUILT_IN]).language("de").translations
    written = {*PATTERNS, *(german.pgettext("time", pattern) for pattern in PATTERNS)}

    for number in range(60):
        time = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(3 * 366 * 1440))
        local = time.astimezone(zones[number % 4])
        for pattern in written:
            # But for the zone: where a language has no short name for it, Babel's is an offset or a sentence.
            ours = pattern.replace("z", f"'{patterns.zone(local)}'")
            babels = format_datetime(local, ours, tzinfo=local.tzinfo, locale=locale)
            assert patterns.time(local, pattern) == babels, pattern


@pytest.mark.parametrize(
    ("code", "zone", "names"),
    [
        ("en-GB", "Europe/Berlin", ("CET", "CEST")),
        ("de", "Europe/Berlin", ("MEZ", "MESZ")),
        ("fr", "Europe/Berlin", ("UTC+1", "UTC+2")),
        ("en-GB", "Europe/London", ("GMT", "BST")),
        ("de", "Europe/London", ("UTC", "UTC+1")),
        ("en-GB", "America/New_York", ("UTC−5", "UTC−4")),
        ("en-GB", "Asia/Kathmandu", ("UTC+5:45", "UTC+5:45")),
        ("en-GB", "America/St_Johns", ("UTC−3:30", "UTC−2:30")),
    ],
)
def test_a_zone_without_a_short_name_is_called_by_its_offset(code: str, zone: str, names: tuple[str, str]) -> None:
    patterns = LocalePatterns(Locale.parse(code, sep="-"))
    times = [datetime(2024, month, 20, 12, tzinfo=ZoneInfo(zone)) for month in (1, 7)]

    assert tuple(map(patterns.zone, times)) == names
